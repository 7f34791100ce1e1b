using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Where clients find a node.</summary>
internal interface INodeSource
{
    /// <summary>A running node; while there is none, the next.</summary>
    Task<NodeProcess> CurrentAsync();
}

/// <summary>A node that is killed and started again on what it left behind; its clients wait here for the next one.</summary>
internal sealed class RestartedNode : INodeSource, IAsyncDisposable
{
    private NodeStart _start;
    private volatile TaskCompletionSource<NodeProcess> _current = Nobody();

    public RestartedNode(NodeStart start)
    {
        _start = start;
    }

    /// <summary>The running node; while there is none, the next. Fails when none will follow, which ends the clients of a failed test.</summary>
    public Task<NodeProcess> CurrentAsync() => _current.Task;

    /// <summary>The next ones are started like this.</summary>
    public void Change(Func<NodeStart, NodeStart> change) => _start = change(_start);

    public async Task StartAsync() => _current.SetResult(await NodeProcess.StartAsync(_start));

    /// <summary>SIGKILL. Nothing in the log of the dead one may say that something broke. <see cref="StartAsync"/> starts the next, with the same settings on a port of its own.</summary>
    public async Task KillAsync()
    {
        var node = await _current.Task;
        _current = Nobody();
        await using (node)
        {
            await node.KillAsync();
            node.AssertNoFailuresInLog();
        }
    }

    /// <summary>SIGTERM; it must end with 0.</summary>
    public async Task StopAsync()
    {
        var node = await _current.Task;
        _current = Nobody();
        await using (node)
        {
            var code = await node.StopAsync();
            Assert.True(code == 0, $"a stopped node ended with {code}: {node.Log}");
            node.AssertNoFailuresInLog();
        }
    }

    public async Task KillAndRestartAsync()
    {
        await KillAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        var last = _current;
        _current = Nobody();
        _current.SetException(new OperationCanceledException("No node follows: the test is over."));
        last.TrySetException(new OperationCanceledException("No node came: the test is over."));
        if (last.Task.IsCompletedSuccessfully)
        {
            await (await last.Task).DisposeAsync();
        }
    }

    private static TaskCompletionSource<NodeProcess> Nobody() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
