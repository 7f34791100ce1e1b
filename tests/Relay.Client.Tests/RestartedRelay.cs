using Relay.Testing;

namespace Relay.Client.Tests;

/// <summary>A node of its own, a process, with the same port and journal whenever it is started.</summary>
internal sealed class RestartedRelay : IDisposable
{
    private readonly TempFolder _folder = new("relay-client-");
    private readonly string[] _arguments;
    private readonly int _port = FreePort.Next();
    private readonly int _hooksPort = FreePort.Next();
    private ServerProcess? _node;

    public RestartedRelay(params string[] settings) => _arguments =
    [
        NodeProgram.Path, $"--Relay:Listeners:main:Url=http://127.0.0.1:{_port}", $"--Relay:Listeners:hooks:Url=http://127.0.0.1:{_hooksPort}", "--Relay:Listeners:context:Url=",
        $"--Relay:Storage:Path={_folder.File("data")}", "--Relay:Drain:Seconds=1", .. settings.Select(static one => "--Relay:" + one),
    ];

    public Uri Url => new($"ws://127.0.0.1:{_port}/relay");

    public Uri HooksUrl => new($"ws://127.0.0.1:{_hooksPort}/");

    public async Task StartAsync()
    {
        _node?.Dispose();
        var node = _node = ServerProcess.Start("dotnet", _arguments, "dotnet was not found");
        await Eventually.UntilAsync(
            () => node.HasExited ? throw new ServerEndedException(node.Output) : Task.FromResult(node.Output.Contains("\nready", StringComparison.Ordinal)), "a ready node", TimeSpan.FromSeconds(60));
    }

    public async Task KillAsync()
    {
        _node!.Kill();
        await _node.ExitedAsync();
    }

    public async Task StopAsync()
    {
        _node!.Terminate();
        await _node.ExitedAsync();
    }

    public void Dispose()
    {
        _node?.Dispose();
        _folder.Dispose();
    }
}
