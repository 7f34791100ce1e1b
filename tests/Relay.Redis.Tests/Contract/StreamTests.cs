using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Redis.Tests.Contract;

public sealed class StreamTests
{
    [Fact]
    public async Task What_a_crashed_consumer_left_unacknowledged_is_taken_over_by_another()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        Assert.True(await redis.StreamGroupCreateAsync("s", "g", "0"));
        Assert.False(await redis.StreamGroupCreateAsync("s", "g", "0"));
        var ids = new List<string>();
        for (var i = 0; i < 10; i++)
            ids.Add(await redis.StreamAddAsync("s", 0, "n", i));

        await using (var first = redis.Dedicated("first"))
        {
            first.Start();
            await first.WaitReadyAsync();
            var batch = Assert.Single(await first.StreamReadGroupAsync("g", "first", 6, TimeSpan.FromSeconds(5), "s"));
            Assert.Equal(ids[..6], batch.Entries.Select(static entry => entry.Id), StringComparer.Ordinal);
            Assert.Equal(2, await first.StreamAcknowledgeAsync("s", "g", ids[0], ids[1]));
        }

        var pending = await redis.StreamPendingAsync("s", "g");
        Assert.Equal(4, pending.Count);
        Assert.Equal([KeyValuePair.Create("first", 4L)], pending.Consumers);
        await redis.SendAsync("XDEL", "s", ids[2]);

        var claimed = await redis.StreamAutoClaimAsync("s", "g", "second", TimeSpan.Zero, "0-0", 100);
        Assert.Equal("0-0", claimed.Cursor);
        Assert.Equal(ids[3..6], claimed.Entries.Select(static entry => entry.Id), StringComparer.Ordinal);
        Assert.Equal([ids[2]], claimed.Deleted);
        Assert.Equal("3", claimed.Entries[0].Field("n"u8).AsString());

        var own = Assert.Single(await redis.StreamReadOwnPendingAsync("g", "second", 100, "s"));
        Assert.Equal(ids[3..6], own.Entries.Select(static entry => entry.Id), StringComparer.Ordinal);
        Assert.Equal(3, await redis.StreamAcknowledgeAsync("s", "g", ids[3], ids[4], ids[5]));
        Assert.Equal(0, (await redis.StreamPendingAsync("s", "g")).Count);
        Assert.Equal(9, await redis.StreamLengthAsync("s"));
    }

    [Fact]
    public async Task A_blocked_reader_gets_what_is_added_meanwhile_and_nothing_when_nothing_comes()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(server);
        await using var reader = redis.Dedicated("reader");
        reader.Start();
        await reader.WaitReadyAsync();
        await redis.StreamGroupCreateAsync("a", "g", "$");
        await redis.StreamGroupCreateAsync("b", "g", "$");
        Assert.Empty(await reader.StreamReadGroupAsync("g", "me", 10, TimeSpan.FromMilliseconds(1), "a", "b"));

        var waiting = reader.StreamReadGroupAsync("g", "me", 10, TimeSpan.FromSeconds(60), "a", "b").AsTask();
        await Eventually.UntilAsync(async () => (await redis.InfoAsync("clients"))["blocked_clients"].Equals("1", StringComparison.Ordinal), "the reader is blocked in the server");
        var id = await redis.StreamAddAsync("b", 1000, "text", "hello");
        var batch = Assert.Single(await waiting);
        Assert.Equal(("b", id), (batch.Stream, Assert.Single(batch.Entries).Id));
    }

    [Fact]
    public async Task A_blocked_reader_outlives_the_keep_alive()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = await Contracts.ReadyAsync(Contracts.Options(server.Endpoint).With(o =>
        {
            o.KeepAliveInterval = TimeSpan.FromMilliseconds(50);
            o.KeepAliveTimeout = TimeSpan.FromMilliseconds(500);
        }));
        await using var reader = redis.Dedicated("reader");
        reader.Start();
        await reader.WaitReadyAsync();
        await redis.StreamGroupCreateAsync("a", "g", "$");
        Assert.Empty(await reader.StreamReadGroupAsync("g", "me", 10, TimeSpan.FromSeconds(2), "a"));
        Assert.Equal(RedisState.Ready, reader.State.State);
    }
}
