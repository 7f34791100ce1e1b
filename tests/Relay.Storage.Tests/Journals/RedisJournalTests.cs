using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Storage.Journals;
using Relay.Storage.Journals.Redis;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>One server for all tests of a class; each has keys of its own.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    private int _prefixes;

    public RedisServerProcess Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await RedisServerProcess.StartAsync(new RedisServerSettings { Durable = true });

    public async Task DisposeAsync() => await Server.DisposeAsync();

    public string NewPrefix() => $"test{Interlocked.Increment(ref _prefixes)}:";

    internal static RedisOptions Options(RedisServerProcess server) => new()
    {
        Endpoints = RedisOptionsParser.Parse(server.Endpoint).Endpoints, CommandTimeout = TimeSpan.FromSeconds(30), ConnectTimeout = TimeSpan.FromSeconds(30),
        BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromMilliseconds(200),
    };

    public async Task<RedisClient> ClientAsync()
    {
        var redis = new RedisClient(Options(Server), new RedisServices());
        redis.Start();
        await redis.WaitReadyAsync().WaitAsync(Eventually.DefaultBound, TimeProvider.System);
        return redis;
    }
}

public sealed class RedisJournalTests(RedisFixture fixture) : DurableJournalContract, IClassFixture<RedisFixture>
{
    private readonly string _prefix = fixture.NewPrefix();
    private RedisClient _redis = null!;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_forgot_everything_is_told_by_a_conflict_and_a_new_epoch()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.AppendAsync(Make.Append("room/1", 1, 3)).DoneAsync();
        foreach (var part in new[] { "meta", "records", "ids", "values", "order" })
            await _redis.DeleteAsync($"{_prefix}{{room/1}}:{part}");

        var append = await Journal.AppendAsync(Make.Append("room/1", 4));
        var opened = await Journal.OpenAsync(Make.Open("room/1", epoch: 99)).DoneAsync();

        Assert.Equal(JournalOutcome.Conflict, append.Outcome);
        Assert.Equal(new StreamState(99, 0, 1, 0, 0), opened.State);
    }

    private protected override async Task<IJournal> OpenJournalAsync(JournalLimits limits)
    {
        _redis ??= await fixture.ClientAsync();
        return new RedisJournal(_redis, new RedisJournalOptions { Prefix = _prefix, Limits = limits }, new LogLines());
    }

    protected override Task DamageAsync(string stream, long offset) => DamageAsync(_redis, _prefix, stream, offset);

    internal static async Task DamageAsync(RedisClient redis, string prefix, string stream, long offset)
    {
        // An entry cannot be changed: the stream is written anew.
        var key = $"{prefix}{{{stream}}}:records";
        var entries = await redis.SendAsync("XRANGE", key, "-", "+");
        await redis.DeleteAsync(key);
        foreach (var entry in entries.Items.ToArray())
        {
            var fields = entry.Items[1].Items.ToArray();
            var body = fields[3].AsMemory().ToArray();
            if (entry.Items[0].AsString() == $"{offset}-0")
                body[^5] ^= 1;
            await redis.SendAsync("XADD", key, entry.Items[0].AsString()!, "t", fields[1].AsMemory(), "b", body);
        }
    }

    protected override Task<IAsyncDisposable> HoldAsync() => HoldAsync(fixture);

    internal static async Task<IAsyncDisposable> HoldAsync(RedisFixture fixture)
    {
        // Over a connection of its own: the pause would hold up its own end otherwise, but for the commands that are never paused.
        var control = await fixture.ClientAsync();
        await control.SendAsync("CLIENT", "PAUSE", 600_000, "WRITE");
        return new Pause(control);
    }

    private sealed class Pause(RedisClient control) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await control.SendAsync("CLIENT", "UNPAUSE");
            await control.DisposeAsync();
        }
    }
}
