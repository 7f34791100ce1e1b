using Relay.Cluster.Engine;
using Relay.Redis.Commands;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Slots for reconnecting clients.</summary>
public sealed class ReserveTests
{
    [Fact]
    public async Task The_first_slot_is_now_and_the_next_reservation_begins_behind_the_last_slot()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        await using var b = await ClusterNode.StartAsync("b", server);
        Assert.Equal(new Reservation(TimeSpan.Zero, TimeSpan.FromSeconds(100)), await a.Engine.ReserveAsync(3, 0.01));
        var next = await b.Engine.ReserveAsync(1, 50);
        Assert.Equal(TimeSpan.FromMilliseconds(20), next.Gap);
        Assert.InRange(next.First.TotalSeconds, 200, 300);
    }

    [Fact]
    public async Task Slots_of_all_nodes_together_are_never_more_than_the_rate_allows()
    {
        const double PerSecond = 0.001;
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", server);
        await using var b = await ClusterNode.StartAsync("b", server);
        var instants = new List<double>();
        var gate = new Lock();
        async Task ReserveAsync(ClusterNode node, Random random)
        {
            for (var i = 0; i < 100; i++)
            {
                var count = random.Next(4);
                var reserved = await node.Engine.ReserveAsync(count, PerSecond);
                var asked = (await redis.TimeAsync() - DateTimeOffset.UnixEpoch).TotalSeconds;
                lock (gate)
                {
                    for (var slot = 0; slot < count; slot++)
                        instants.Add(asked + (reserved.First + (slot * reserved.Gap)).TotalSeconds);
                }
            }
        }

        await Task.WhenAll(ReserveAsync(a, new Random(1)), ReserveAsync(b, new Random(2)));
        instants.Sort();

        // An instant is as uncertain as its answer was long under way; a gap is a quarter of an hour.
        for (var i = 0; i + 1 < instants.Count; i++)
            Assert.InRange(instants[i + 1] - instants[i], 900, 1100);
    }

    [Fact]
    public async Task Time_that_passes_is_counted_off_and_a_clock_that_goes_back_makes_nobody_wait_longer()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", server);
        var now = (long)(await redis.TimeAsync() - DateTimeOffset.UnixEpoch).TotalMicroseconds;

        // As reserved a minute ago, 100 s ahead.
        await redis.SendAsync("HSET", "{relay}:slots", "at", now - 60_000_000, "ahead", 100_000_000);
        Assert.InRange((await a.Engine.ReserveAsync(0, 1)).First.TotalSeconds, 10, 40);

        // By a clock that was an hour ahead of the one of now.
        await redis.SendAsync("HSET", "{relay}:slots", "at", now + 3_600_000_000, "ahead", 100_000_000);
        Assert.Equal(100, (await a.Engine.ReserveAsync(0, 1)).First.TotalSeconds);

        // Long ago.
        await redis.SendAsync("HSET", "{relay}:slots", "at", now - 200_000_000, "ahead", 100_000_000);
        Assert.Equal(TimeSpan.Zero, (await a.Engine.ReserveAsync(0, 1)).First);
    }

    [Fact]
    public async Task What_is_kept_for_reservations_goes_away_behind_the_last_slot()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", server);
        await a.Engine.ReserveAsync(1000, 1);
        Assert.InRange((await redis.SendAsync("PTTL", "{relay}:slots")).AsInteger(), 900_000, 1_001_000);
    }

    [Theory]
    [InlineData(-1, 1.0)]
    [InlineData(1, 0.0)]
    [InlineData(1, -2.0)]
    [InlineData(1, double.NaN)]
    [InlineData(1, double.PositiveInfinity)]
    public async Task Slots_without_a_count_or_a_rate_are_refused(int slots, double perSecond)
    {
        await using var redis = new RedisClient(Contracts.Options("127.0.0.1:1"), new RedisServices());
        await using var engine = new Redis.Cluster.RedisClusterEngine(redis, new RedisServices(), ClusterNode.Silent);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => engine.ReserveAsync(slots, perSecond).AsTask());
    }
}
