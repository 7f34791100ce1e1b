using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Links between nodes over a real Redis.</summary>
public sealed class LinkTests
{
    private const int Kills = 4;

    // Between two kills: much more than is under way at once.
    private const int Messages = 20_000;

    [Fact]
    public Task Subscribers_that_are_cut_off_in_the_middle_of_traffic_lose_and_repeat_nothing() => RunAsync("pubsub");

    [Fact]
    public Task Senders_that_are_cut_off_in_the_middle_of_traffic_lose_and_repeat_nothing() => RunAsync("normal");

    private static async Task RunAsync(string connections)
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await LinkedNode.StartAsync("a", server);
        await using var b = await LinkedNode.StartAsync("b", server);
        a.Meet(b);
        b.Meet(a);
        await a.ConnectedAsync();
        await b.ConnectedAsync();
        using var stop = new CancellationTokenSource();
        var ofA = a.SendAsync(b.Id, stop.Token);
        var ofB = b.SendAsync(a.Id, stop.Token);
        for (var kill = 0; kill < Kills; kill++)
        {
            var (more, restored) = (Math.Min(a.Received, b.Received) + Messages, (a.Restored, b.Restored));
            await Until(() => a.Received >= more && b.Received >= more, a, b);
            var killed = await admin.SendAsync("CLIENT", "KILL", "TYPE", connections, "SKIPME", "yes");
            Assert.True(killed.AsInteger() >= 2);
            if (connections == "pubsub")
                await Until(() => a.Restored > restored.Item1 && b.Restored > restored.Item2, a, b);
        }

        await stop.CancelAsync();
        var (sentByA, sentByB) = (await ofA, await ofB);
        await Until(() => a.Received >= sentByB && b.Received >= sentByA, a, b);
        Assert.Equal((sentByB, sentByA), (a.Received, b.Received));
        Assert.Equal((0, 0), (a.Resets, b.Resets));
    }

    private static async Task Until(Func<bool> condition, LinkedNode a, LinkedNode b)
    {
        await Eventually.Until(() => condition() || a.Fault is not null || b.Fault is not null, Contracts.Patience);
        Assert.Null(a.Fault);
        Assert.Null(b.Fault);
    }
}
