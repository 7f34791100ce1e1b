using Relay.Redis.Cluster;
using Relay.Redis.Servers;
using Relay.Redis.Tests.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Servers;

/// <summary>Two linked nodes that send each other numbered messages all the time.</summary>
internal sealed class LinkedPair : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task<int> _ofA = Task.FromResult(0);
    private Task<int> _ofB = Task.FromResult(0);

    private LinkedPair(LinkedNode a, LinkedNode b) => (A, B) = (a, b);

    public LinkedNode A { get; }

    public LinkedNode B { get; }

    public static async Task<LinkedPair> StartAsync(IReadOnlyList<RedisServerOptions> ofA, IReadOnlyList<RedisServerOptions> ofB, RedisClusterOptions options)
    {
        var pair = new LinkedPair(await LinkedNode.StartAsync("a", ofA, options), await LinkedNode.StartAsync("b", ofB, options));
        await ServerTrio.OpenAsync(pair.A.Engine);
        await ServerTrio.OpenAsync(pair.B.Engine);
        pair.A.Meet(pair.B);
        pair.B.Meet(pair.A);
        await pair.A.ConnectedAsync();
        await pair.B.ConnectedAsync();
        pair._ofA = pair.A.SendAsync(pair.B.Id, pair._stop.Token);
        pair._ofB = pair.B.SendAsync(pair.A.Id, pair._stop.Token);
        return pair;
    }

    /// <summary>Ends when each has got so many more.</summary>
    public Task FurtherAsync(int messages)
    {
        var (ofA, ofB) = (A.Received + messages, B.Received + messages);
        return UntilAsync(() => A.Received >= ofA && B.Received >= ofB);
    }

    /// <summary>Everything that was sent has come, once and in order, in one session.</summary>
    public async Task EndAsync()
    {
        await _stop.CancelAsync();
        var (sentByA, sentByB) = (await _ofA, await _ofB);
        await UntilAsync(() => A.Received >= sentByB && B.Received >= sentByA);
        Assert.Equal((sentByB, sentByA, 0, 0), (A.Received, B.Received, A.Resets, B.Resets));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await A.DisposeAsync();
        await B.DisposeAsync();
        await ((Task)Task.WhenAll(_ofA, _ofB)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task UntilAsync(Func<bool> condition)
    {
        await Eventually.Until(() => condition() || A.Fault is not null || B.Fault is not null, Contracts.Patience);
        Assert.Null(A.Fault);
        Assert.Null(B.Fault);
    }
}
