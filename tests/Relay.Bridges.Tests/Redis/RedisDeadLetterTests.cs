using Relay.Bridges.Tests.Support;
using Relay.Redis;
using Relay.Redis.Bridge;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Bridges.Tests.Redis;

/// <summary>Entries that cannot be delivered hold up nobody and are never lost; entries that only have to wait are never taken for such.</summary>
public sealed class RedisDeadLetterTests : IAsyncLifetime
{
    private const string Stream = "updates:stream";
    private const string Dead = Stream + ":dead";
    private const string Poison = """{"target_user_id":"u1","type":"poison"}""";

    private static readonly RedisStreamOptions Options =
        new() { Streams = [Stream], Consumer = "node-1", BatchSize = 50, MaxTries = 3, RetryPause = TimeSpan.FromMilliseconds(20) };

    private readonly FailingRelay _failing = new();
    private readonly HealthLog _health = new();
    private RedisServerProcess _server = null!;
    private TestRelay _relay = null!;
    private TestRelay _before = null!;
    private RedisClient _redis = null!;

    public async Task InitializeAsync()
    {
        _server = await RedisServerProcess.StartAsync();
        _relay = new TestRelay();
        _failing.Behind = _relay;
        _before = new TestRelay(_failing.PublishAsync);
        _redis = RedisSetup.Client(_server);
    }

    public async Task DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _before.DisposeAsync();
        await _relay.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task An_entry_whose_handling_fails_every_time_is_a_dead_letter_and_the_others_keep_their_order()
    {
        var client = await _relay.OpenAsync("u1");
        for (var i = 0; i < 20; i++)
            await _redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        var poison = await _redis.StreamAddAsync(Stream, 0, "a", "b", "json", Poison);
        for (var i = 20; i < 120; i++)
            await _redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        await using var source = Start();
        Assert.Equal(Updates(120), await client.TakeAsync(120));
        await AcknowledgedAsync();
        Assert.Equal([(poison, $"reason|handling it failed|tries|3|a|b|json|{Poison}")], await _redis.DeadAsync(Dead));
        Assert.Equal(120, client.Count);
        await _health.WellAsync();
        Assert.DoesNotContain(Poison, string.Join('\n', _before.Log.Lines), StringComparison.Ordinal);
        Assert.Contains(poison, Assert.Single(_before.Log.Of(121)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_entry_that_fails_for_a_while_is_delivered_behind_those_that_passed_it()
    {
        // The batch, the entry alone, and once more.
        _failing.PoisonLasts = 3;
        var client = await _relay.OpenAsync("u1");
        await _redis.AddAsync(Stream, Poison);
        await _redis.AddAsync(Stream, RedisSetup.Update("u1", 0));
        await using var source = Start();
        Assert.Equal([RedisSetup.Update("u1", 0), Poison], await client.TakeAsync(2));
        await AcknowledgedAsync();
        Assert.Empty(await _redis.DeadAsync(Dead));
    }

    [Fact]
    public async Task A_channel_that_refuses_is_waited_for_beyond_all_tries_and_what_others_took_is_not_brought_again()
    {
        var (first, second) = (await _relay.OpenAsync("u1"), await _relay.OpenAsync("u2"));
        _failing.Refuse("users/u1", true);
        for (var i = 0; i < 10; i++)
            await _redis.AddAsync(Stream, RedisSetup.Update($"u{1 + (i % 2)}", i));
        await _redis.AddAsync(Stream, """{"target_user_id":"u1","target_project_id":"p","type":"both"}""");
        await using var source = Start();
        await Eventually.Until(() => _failing.Refused > Options.MaxTries + 2);
        Assert.Contains("the journal is ill", await _health.IllAsync("is not read"), StringComparison.Ordinal);
        Assert.Equal(5, (await second.TakeAsync(5)).Count);
        // Five for the one user, and the entry for two of which the project's channel has taken its part.
        Assert.Equal(6, (await _redis.StreamPendingAsync(Stream, Options.Group)).Count);
        _failing.Refuse("users/u1", false);
        Assert.Equal(6, (await first.TakeAsync(6)).Count);
        await AcknowledgedAsync();
        Assert.Equal(Enumerable.Range(0, 5).Select(static n => RedisSetup.Update("u1", n * 2)), first.Messages.Take(5));
        Assert.Empty(await _redis.DeadAsync(Dead));
        Assert.Equal(1, await CountAsync("projects/p"));
        await _health.WellAsync();
    }

    [Theory]
    [InlineData("SET " + Dead + " taken", "DEL " + Dead, "WRONGTYPE")]
    [InlineData("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM")]
    [InlineData("ACL SETUSER default -xadd", "ACL SETUSER default +xadd", "can't run this command")]
    public async Task An_entry_that_cannot_be_moved_stays_pending_and_is_told_while_the_others_go_on(string fault, string cure, string reason)
    {
        var client = await _relay.OpenAsync("u1");
        var nonsense = await _redis.StreamAddAsync(Stream, 0, "json", "nonsense");
        for (var i = 0; i < 200; i++)
            await _redis.AddAsync(Stream, RedisSetup.Update("u1", i));
        await _redis.StreamGroupCreateAsync(Stream, Options.Group, "0");
        await RunAsync(fault);
        await using var source = Start();
        Assert.Equal(Updates(200), await client.TakeAsync(200));
        Assert.Contains(reason, await _health.IllAsync($"nor moved to {Dead}"), StringComparison.Ordinal);
        await Eventually.UntilAsync(async () => (await _redis.StreamPendingAsync(Stream, Options.Group)).Count == 1, "one entry is left");
        Assert.Contains(nonsense, Assert.Single(_before.Log.Of(55)), StringComparison.Ordinal);
        await RunAsync(cure);
        await AcknowledgedAsync();
        Assert.Equal([(nonsense, "reason|not valid JSON in UTF-8|tries|1|json|nonsense")], await _redis.DeadAsync(Dead));
        await _health.WellAsync();
    }

    [Fact]
    public async Task Entries_too_large_for_a_message_or_for_an_answer_of_Redis_and_those_of_thousands_of_fields_are_moved_whole()
    {
        var client = await _relay.OpenAsync("u1");
        await _redis.AddAsync(Stream, RedisSetup.Update("u1", 0));
        await _redis.AddAsync(Stream, "\"" + new string('x', 9 * 1024 * 1024) + "\"");
        await _redis.SendAsync("EVAL", "return redis.call('XADD', KEYS[1], '*', 'json', string.rep('x', 70000000))", 1, Stream);
        await _redis.SendAsync("EVAL", "local a = {} for i = 1, 7900 do a[i] = i end return redis.call('XADD', KEYS[1], '*', unpack(a))", 1, Stream);
        await _redis.AddAsync(Stream, RedisSetup.Update("u1", 1));
        await using var source = Start(Options with { DeadLetters = "graves" });
        Assert.Equal(Updates(2), await client.TakeAsync(2));
        await AcknowledgedAsync();
        const string Sizes = "local t = {} for i, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do local n = 0 for j = 9, #e[2] do n = n + #e[2][j] end t[i] = e[2][2] .. ' ' .. (#e[2] - 8) .. ' ' .. n end return t";
        var sizes = (await _redis.SendAsync("EVAL", Sizes, 1, "graves")).Items.ToArray().Select(static one => one.AsString()!).Order().ToList();
        Assert.Equal(
            [
                $"larger than {Options.MaxBytes} bytes 2 {(9 * 1024 * 1024) + 2 + 4}", "larger than one answer of Redis may be here 2 70000004",
                $"the entry has no field 'json' 7000 {Digits(1, 7000)}", $"the entry has no field 'json' 900 {Digits(7001, 7900)}",
            ],
            sizes);
    }

    [Fact]
    public async Task About_as_many_dead_letters_are_kept_as_the_setting_says()
    {
        for (var i = 0; i < 1000; i++)
            await _redis.AddAsync(Stream, "no " + i);
        await using var source = Start(Options with { DeadKept = 100 });
        await Eventually.Until(() => _before.Sums["relay.bridge.dead_letters source=redis-stream"] == 1000);
        Assert.InRange(await _redis.StreamLengthAsync(Dead), 100, 300);
    }

    private static int Digits(int from, int to) => Enumerable.Range(from, to - from + 1).Sum(static n => n.ToString().Length);

    private static IEnumerable<string> Updates(int count) => Enumerable.Range(0, count).Select(static n => RedisSetup.Update("u1", n));

    private RedisStreamSource Start(RedisStreamOptions? options = null)
    {
        var source = new RedisStreamSource(_redis, options ?? Options, _before.Services, _health.Report);
        source.Start();
        return source;
    }

    private async Task<int> CountAsync(string channel) =>
        (await _relay.System.HistoryAsync(channel, new Relay.Actors.Channels.HistoryQuery(), CancellationToken.None)).Events.Count;

    private async Task RunAsync(string command) => await _redis.SendAsync([.. command.Split(' ').Select(static word => (RedisArg)word)]);

    private Task AcknowledgedAsync() => Eventually.UntilAsync(
        async () =>
        {
            var group = (await _redis.SendAsync("XINFO", "GROUPS", Stream)).Items[0];
            return group.Field("pending"u8).AsInteger() == 0 && group.Field("lag"u8).AsInteger() == 0;
        },
        "all acknowledged");
}
