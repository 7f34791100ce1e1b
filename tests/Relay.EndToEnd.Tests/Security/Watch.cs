using Relay.Testing;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>Around one attack: how the node was before, and whether it is so again. What is bounded is memory beyond what it needed so far, so that only growth by the attack counts.</summary>
internal sealed class Watch
{
    private const long MiB = 1 << 20;

    private static readonly string[] Secrets = [HostileNode.ServiceKey, HostileNode.AdminKey, HostileNode.SigningSecret, "eyJ"];

    private readonly HostileNode _node;
    private readonly long _resident;
    private readonly int _sockets;
    private readonly long _most;

    private Watch(HostileNode node, int mostMiB)
    {
        _node = node;
        _most = mostMiB * MiB;
        _resident = node.Process.ResidentBytes;
        _sockets = node.Process.OpenSockets;
    }

    public static async Task<Watch> BeginAsync(HostileNode node, int mostMiB)
    {
        await node.Good.GoesOnAsync();
        return new Watch(node, mostMiB);
    }

    /// <summary>Call while the attack lasts: memory is at its highest then.</summary>
    public void AssertMemory()
    {
        var grown = _node.Process.ResidentBytes - _resident;
        Assert.True(grown <= _most, $"memory grew by {grown / MiB} MiB, at most {_most / MiB} was allowed");
    }

    /// <summary>
    /// The process lives, the good client goes on, memory is within its bound, no connection is left, nothing in the log says that something broke, and no credential stands in it.
    /// </summary>
    public async Task PassAsync()
    {
        Assert.True(_node.Process.IsAlive, _node.Process.Log);
        await _node.Good.GoesOnAsync();
        AssertMemory();

        // Beyond: the tests' own HTTP client keeps some.
        await Eventually.UntilAsync(() => Task.FromResult(_node.Process.OpenSockets <= _sockets + 8), "the connections of the attack are gone");
        _node.Process.AssertNoFailuresInLog();
        var log = _node.Process.Log;
        Assert.All(Secrets, secret => Assert.DoesNotContain(secret, log, StringComparison.Ordinal));
    }
}
