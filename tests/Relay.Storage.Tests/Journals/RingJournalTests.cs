using System.Globalization;
using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Redis.Servers;
using Relay.Storage.Journals;
using Relay.Storage.Journals.Redis;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>Three servers for all tests of a class; each test has keys of its own.</summary>
public sealed class ThreeRedisFixture : IAsyncLifetime
{
    private int _prefixes;

    internal static readonly string[] Names = [RedisServers.MainName, "b", "c"];

    internal RedisFixture[] Each { get; } = [new RedisFixture(), new RedisFixture(), new RedisFixture()];

    public Task InitializeAsync() => Task.WhenAll(Each.Select(static one => one.InitializeAsync()));

    public Task DisposeAsync() => Task.WhenAll(Each.Select(static one => one.DisposeAsync()));

    public string NewPrefix() => $"test{Interlocked.Increment(ref _prefixes)}:";

    /// <summary>The first so many of them.</summary>
    public async Task<RedisServers> ServersAsync(int count = 3, params string[] leaving)
    {
        var servers = new RedisServers(
            [.. Names.Take(count).Select((name, i) => new RedisServerOptions(name, RedisFixture.Options(Each[i].Server) with { Server = i == 0 ? null : name }, !leaving.Contains(name)))], new RedisServices());
        foreach (var server in servers.All)
        {
            server.Client.Start();
            await server.Client.WaitReadyAsync().WaitAsync(Eventually.DefaultBound, TimeProvider.System);
        }

        return servers;
    }

    /// <summary>A journal over all that share.</summary>
    internal static RingJournal Open(RedisServers servers, string prefix, JournalLimits? limits = null) => new(
        servers.Ring,
        [.. servers.Sharing.Select(server => new RedisJournal(
            server.Client, new RedisJournalOptions { Prefix = prefix, Ring = servers.Ring.ToString(), Limits = limits ?? new JournalLimits() }, new LogLines()))]);
}

/// <summary>A journal over three servers keeps the contract that it keeps on one.</summary>
public sealed class RingJournalTests(ThreeRedisFixture fixture) : DurableJournalContract, IClassFixture<ThreeRedisFixture>
{
    private readonly string _prefix = fixture.NewPrefix();
    private RedisServers _servers = null!;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _servers.DisposeAsync();
    }

    [Fact]
    public async Task Streams_and_their_snapshots_lie_where_the_ring_has_them_and_are_listed_as_one_list()
    {
        string[] streams = [.. Enumerable.Range(1, 60).Select(static n => string.Create(CultureInfo.InvariantCulture, $"room/{n:00}"))];
        foreach (var stream in streams)
        {
            await Journal.OpenAsync(Make.Open(stream)).DoneAsync();
            await Snapshots.SaveSnapshotAsync(new Snapshot(stream, Make.Epoch, 1, 1, new byte[] { 4 })).DoneAsync();
        }

        foreach (var server in _servers.All)
        {
            var names = (await server.Client.SendAsync("ZRANGE", _prefix + "streams", 0, -1)).Items.ToArray().Select(static name => name.AsString()!).ToList();
            Assert.InRange(names.Count, 8, 32);
            Assert.All(names, name => Assert.Equal(server, _servers.Sharing[_servers.Ring.OwnerOf(name)]));
            Assert.Equal(names.Count, (await server.Client.SendAsync("KEYS", _prefix + "*:snapshot")).Items.Length);
        }

        var listed = new List<string>();
        for (var page = await Journal.ListAsync("", 7); page.Length > 0; page = await Journal.ListAsync(listed[^1], 7))
            listed.AddRange(page.Select(static stream => stream.Stream));
        Assert.Equal(streams, listed);
    }

    private protected override async Task<IJournal> OpenJournalAsync(JournalLimits limits)
    {
        _servers ??= await fixture.ServersAsync();
        return ThreeRedisFixture.Open(_servers, _prefix, limits);
    }

    protected override Task DamageAsync(string stream, long offset) => RedisJournalTests.DamageAsync(_servers.Sharing[_servers.Ring.OwnerOf(stream)].Client, _prefix, stream, offset);

    protected override async Task<IAsyncDisposable> HoldAsync() => new Holds(await Task.WhenAll(fixture.Each.Select(static one => RedisJournalTests.HoldAsync(one))));

    private sealed class Holds(IAsyncDisposable[] all) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            foreach (var one in all)
                await one.DisposeAsync();
        }
    }
}

/// <summary>Servers that are away, and servers that come and go.</summary>
public sealed class RingJournalFaultTests(ThreeRedisFixture fixture) : IClassFixture<ThreeRedisFixture>
{
    private readonly string _prefix = fixture.NewPrefix();

    [Fact]
    public async Task A_server_that_is_away_keeps_only_its_own_streams_waiting_and_is_named()
    {
        await using var servers = await fixture.ServersAsync();
        await using var journal = ThreeRedisFixture.Open(servers, _prefix);
        var byServer = Streams(servers.Ring).ToLookup(stream => servers.Ring.Names[servers.Ring.OwnerOf(stream)], StringComparer.Ordinal);
        foreach (var stream in byServer.SelectMany(static streams => streams))
        {
            await journal.OpenAsync(Make.Open(stream)).DoneAsync();
            await journal.AppendAsync(Make.Append(stream, 1)).DoneAsync();
        }

        await fixture.Each[1].Server.KillAsync();
        var refused = await journal.AppendAsync(Make.Append(byServer["b"].First(), 2));
        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.Contains("Relay:Redis:Servers:b:Endpoints", refused.Reason, StringComparison.Ordinal);
        Assert.Contains("Relay:Redis:Servers:b:Endpoints", journal.Illness, StringComparison.Ordinal);
        Assert.DoesNotContain("Servers:c", journal.Illness, StringComparison.Ordinal);
        foreach (var stream in byServer["main"].Concat(byServer["c"]))
            await journal.AppendAsync(Make.Append(stream, 2)).DoneAsync();
        await Assert.ThrowsAsync<JournalException>(async () => await journal.ListAsync("", 10));
        Assert.NotEmpty(await journal.Servers[servers.Ring.OwnerOf(byServer["c"].First())].ListAsync("", 10));

        await fixture.Each[1].Server.StartAgainAsync();
        await Eventually.Until(() => journal.Illness is null);
        foreach (var stream in byServer["b"])
            await journal.AppendAsync(Make.Append(stream, 2)).DoneAsync();
        foreach (var stream in byServer.SelectMany(static streams => streams))
            Assert.Equal([1, 2], (await journal.AllAsync(stream)).Offsets());
    }

    [Fact]
    public async Task A_server_that_is_away_is_named_before_anybody_writes()
    {
        await using var servers = await fixture.ServersAsync();
        await using var journal = ThreeRedisFixture.Open(servers, _prefix);
        foreach (var server in servers.All)
            await Eventually.UntilAsync(async () => (await server.Client.GetAsync(_prefix + "ring")) is not null, "all servers are begun");
        await fixture.Each[1].Server.KillAsync();
        await Eventually.Until(() => journal.Illness?.Contains("Servers:b", StringComparison.Ordinal) == true);
        Assert.Null(journal.Servers[servers.Ring.OwnerOf(Streams(servers.Ring).First(stream => servers.Ring.Names[servers.Ring.OwnerOf(stream)] == "c"))].Illness);
        await fixture.Each[1].Server.StartAgainAsync();
        await Eventually.Until(() => journal.Illness is null);
    }

    [Fact]
    public async Task With_other_servers_on_the_ring_nothing_is_opened_before_the_streams_were_moved()
    {
        var streams = Streams(new HashRing(ThreeRedisFixture.Names));
        await using (var two = await fixture.ServersAsync(2))
        {
            await using var journal = ThreeRedisFixture.Open(two, _prefix);
            foreach (var stream in streams)
            {
                await journal.OpenAsync(Make.Open(stream, fence: 5)).DoneAsync();
                await journal.AppendAsync(Make.Append(stream, 1, 3, fence: 5, record: static offset => Make.Record(offset) with { Id = "i" + offset, Key = "k" })).DoneAsync();
                await journal.SaveSnapshotAsync(new Snapshot(stream, Make.Epoch, 3, 1, new byte[] { 4 })).DoneAsync();
            }
        }

        await using var three = await fixture.ServersAsync();
        await using (var journal = ThreeRedisFixture.Open(three, _prefix))
        {
            var results = await Task.WhenAll(streams.Select(stream => journal.OpenAsync(Make.Open(stream, fence: 6)).AsTask()));
            Assert.All(results, static result => Assert.Equal(JournalOutcome.Unavailable, result.Outcome));
            Assert.All(results, static result => Assert.Contains("were spread over the servers \"b main\" and this node is told of \"b c main\"", result.Reason, StringComparison.Ordinal));
            Assert.Contains("this node is told of \"b c main\"", journal.Illness, StringComparison.Ordinal);
            Assert.Equal(0, (await three.All[2].Client.SendAsync("EXISTS", _prefix + "streams", _prefix + "ring")).AsInteger());
        }

        Assert.InRange(await Mover(three).MoveAsync(), 1, streams.Count - 1);
        Assert.Equal(0, await Mover(three).MoveAsync());
        await AssertAllThereAsync(three, streams);

        // And b goes.
        await using var without = await fixture.ServersAsync(3, "b");
        Assert.InRange(await Mover(without).MoveAsync(), 1, streams.Count - 1);
        Assert.Equal(0, (await without.All[1].Client.SendAsync("EXISTS", _prefix + "streams", _prefix + "ring")).AsInteger());
        await AssertAllThereAsync(without, streams);
    }

    [Fact]
    public async Task A_stream_that_lies_on_two_servers_is_not_overwritten()
    {
        await using var three = await fixture.ServersAsync();
        var stream = Streams(three.Ring).First(stream => three.Ring.Names[three.Ring.OwnerOf(stream)] == "c");
        foreach (var (server, epoch) in new[] { (three.All[0], 1UL), (three.All[2], 2UL) })
        {
            await using var journal = new RedisJournal(server.Client, new RedisJournalOptions { Prefix = _prefix }, new LogLines());
            await journal.OpenAsync(Make.Open(stream, epoch: epoch)).DoneAsync();
        }

        var conflict = await Assert.ThrowsAsync<JournalException>(() => Mover(three).MoveAsync());
        Assert.Contains($"'{stream}' lies on 'main' (epoch 1, head 0) and, with other contents, on 'c' (epoch 2, head 0)", conflict.Message, StringComparison.Ordinal);

        // Nothing is opened before that is settled.
        await using var all = ThreeRedisFixture.Open(three, _prefix);
        Assert.Contains("(being moved)", (await all.OpenAsync(Make.Open("room/1"))).Reason, StringComparison.Ordinal);
        await three.All[2].Client.DeleteAsync($"{_prefix}{{{stream}}}:meta");
        Assert.Equal(1, await Mover(three).MoveAsync());
        Assert.Equal(1UL, (await all.OpenAsync(Make.Open(stream)).DoneAsync()).State.Epoch);
    }

    [Fact]
    public async Task A_server_that_lost_everything_is_begun_again_once_the_others_are_seen_to_agree()
    {
        await using var servers = await fixture.ServersAsync();
        await using var journal = ThreeRedisFixture.Open(servers, _prefix);
        var streams = Streams(servers.Ring);
        await Task.WhenAll(streams.Select(stream => journal.OpenAsync(Make.Open(stream)).DoneAsync()));
        var ofB = streams.First(stream => servers.Ring.Names[servers.Ring.OwnerOf(stream)] == "b");
        await fixture.Each[2].Server.KillAsync();
        await servers.All[1].Client.SendAsync(["DEL", .. (await servers.All[1].Client.SendAsync("KEYS", _prefix + "*")).Items.ToArray().Select(static key => (RedisArg)key.AsString()!)]);
        Assert.Contains("Servers:c", (await journal.OpenAsync(Make.Open(ofB))).Reason, StringComparison.Ordinal);
        await fixture.Each[2].Server.StartAgainAsync();
        await Eventually.UntilAsync(async () => (await journal.OpenAsync(Make.Open(ofB))).IsDone, "b is begun again");
    }

    [Fact]
    public async Task Streams_of_a_time_without_rings_count_as_those_of_one_server()
    {
        await using var servers = await fixture.ServersAsync(2);
        await using var one = new RedisJournal(servers.Main, new RedisJournalOptions { Prefix = _prefix }, new LogLines());
        await one.OpenAsync(Make.Open("room/1")).DoneAsync();
        await servers.Main.DeleteAsync(_prefix + "ring");
        await using var two = new RedisJournal(servers.Main, new RedisJournalOptions { Prefix = _prefix, Ring = "b main" }, new LogLines());
        Assert.Contains("\"main\" and this node is told of \"b main\"", (await two.OpenAsync(Make.Open("room/1"))).Reason, StringComparison.Ordinal);
        await one.OpenAsync(Make.Open("room/1")).DoneAsync();
    }

    private static List<string> Streams(HashRing ring)
    {
        var streams = Enumerable.Range(1, 30).Select(static n => string.Create(CultureInfo.InvariantCulture, $"room/{n}")).ToList();
        Assert.Equal(ring.Names.Count, streams.Select(ring.OwnerOf).Distinct().Count());
        return streams;
    }

    private StreamMover Mover(RedisServers servers) => new(servers, new RedisJournalOptions { Prefix = _prefix });

    private async Task AssertAllThereAsync(RedisServers servers, List<string> streams)
    {
        await using var journal = ThreeRedisFixture.Open(servers, _prefix);
        Assert.Equal(streams.Order(StringComparer.Ordinal), (await journal.ListAsync("", 1000)).Select(static stream => stream.Stream));
        foreach (var stream in streams)
        {
            Assert.Equal(JournalOutcome.Fenced, (await journal.OpenAsync(Make.Open(stream, fence: 4))).Outcome);
            await journal.OpenAsync(Make.Open(stream, fence: 5)).DoneAsync();
            Assert.Equal([1, 2, 3], (await journal.AllAsync(stream)).Offsets());
            Assert.Equal(3, (await journal.ReadIdsAsync(stream, 0, 10)).Length);
            Assert.Equal([3], (await journal.ReadLastValuesAsync(stream, 10)).Offsets());
            Assert.Equal(3, (await journal.LoadSnapshotAsync(stream))?.SequenceNr);
        }
    }
}
