using System.Diagnostics.Metrics;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Redis.Servers;
using Relay.Storage.Journals.Postgres;
using Relay.Storage.Journals.Redis;
using Relay.Storage.Journals.Sqlite;

namespace Relay.Node.Hosting;

/// <summary>Brings the journals into the program: those that some namespace wants.</summary>
public static class JournalHosting
{
    /// <summary>Registers <see cref="ChannelJournals"/>, which are opened when the actors start, and what looks after them.</summary>
    public static IServiceCollection AddRelayJournals(this IServiceCollection services, RelayOptions options)
    {
        services.AddSingleton(static provider => new JournalMetrics(provider.GetRequiredService<IMeterFactory>().Create(JournalMetrics.MeterName)));
        services.AddSingleton(provider => new OpenedJournals(
            Wants(options, Durability.Redis) ? OpenRedis(provider, options.Redis) : [],
            Wants(options, Durability.Sql) ? OpenSql(provider, options) : null,
            provider.GetRequiredService<JournalMetrics>()));
        services.AddSingleton(static provider => provider.GetRequiredService<OpenedJournals>().ForChannels);
        services.AddHostedService<JournalKeeper>();
        services.AddHostedService<SessionKeeper>();
        return services;
    }

    private static bool Wants(RelayOptions options, Durability durability) => options.Namespaces.Values.Any(space => space.Durability == durability);

    private static IReadOnlyList<(string Server, RedisJournal Journal)> OpenRedis(IServiceProvider provider, RedisSection options)
    {
        var servers = provider.GetRequiredService<RedisServers>();
        return [.. servers.Sharing.Select(server =>
        {
            server.Client.Start();
            return (server.Name, new RedisJournal(
                server.Client,
                new RedisJournalOptions
                {
                    Ring = servers.Ring.ToString(),
                    WaitReplicas = options.WaitReplicasOf(server.Client.Options),
                    WaitTimeout = options.WaitTimeout,
                    Metrics = provider.GetRequiredService<JournalMetrics>(),
                },
                provider.GetRequiredService<ILoggerFactory>()));
        })];
    }

    private static IJournal OpenSql(IServiceProvider provider, RelayOptions options)
    {
        var loggers = provider.GetRequiredService<ILoggerFactory>();
        var metrics = provider.GetRequiredService<JournalMetrics>();
        return options.Postgres.Connection.IsEmpty
            ? SqliteJournal.Open(
                new SqliteJournalOptions { Path = options.Storage.Path, DropDamagedTails = options.Storage.DropDamagedTails, Metrics = metrics }, loggers, new Random())
            : new PostgresJournal(new PostgresJournalOptions { Connection = options.Postgres.Connection.Reveal(), Metrics = metrics }, loggers);
    }
}

/// <summary>The journals of this node; closed with the program, behind the actors.</summary>
internal sealed class OpenedJournals : IAsyncDisposable
{
    public OpenedJournals(IReadOnlyList<(string Server, RedisJournal Journal)> redis, IJournal? sql, JournalMetrics metrics)
    {
        IJournal? all = redis.Count switch
        {
            0 => null,
            1 => redis[0].Journal,
            _ => new RingJournal(new HashRing(redis.Select(static part => part.Server)), [.. redis.Select(static part => part.Journal)]),
        };
        ForChannels = new ChannelJournals(all, sql) { Metrics = metrics };
        Redis = [.. redis.Select(part => (redis.Count == 1 ? "journal-redis" : "journal-redis-" + part.Server, (IJournal)part.Journal))];
        All = sql is null ? Redis : [.. Redis, ("journal", sql)];
    }

    public ChannelJournals ForChannels { get; }

    /// <summary>Each with its name in <c>/ready</c>; those in Redis by server.</summary>
    public IReadOnlyList<(string Part, IJournal Journal)> All { get; }

    /// <summary>Those in Redis.</summary>
    public IReadOnlyList<(string Part, IJournal Journal)> Redis { get; }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, journal) in All)
        {
            await journal.DisposeAsync();
        }
    }
}

/// <summary>Tells <c>/ready</c> how the journals are, and drops from time to time what channels without an actor have kept too long.</summary>
internal sealed partial class JournalKeeper(
    OpenedJournals journals, LiveSettings live, HealthState health, TimeProvider time, ILogger<JournalKeeper> logger) : BackgroundService
{
    private const int Page = 500;
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>Channels in use prune themselves; this is for those that sleep.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (journals.All.Count == 0)
        {
            return;
        }

        using var ticks = new PeriodicTimer(LookInterval, time);
        var swept = time.GetTimestamp();
        do
        {
            Look();
            if (time.GetElapsedTime(swept) >= SweepInterval)
            {
                swept = time.GetTimestamp();
                await SweepAsync(stoppingToken);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken));
    }

    // One of several servers that is away takes its own channels with it, on every node alike: no balancer could do better with another node.
    private void Look()
    {
        var isAnyWell = journals.Redis.Any(static part => part.Journal.Illness is null);
        foreach (var (part, journal) in journals.All)
        {
            var illness = journal.Illness;
            var isPartial = isAnyWell && journal is RedisJournal;
            health.Impair(part, isPartial ? illness : null);
            _ = illness is not null && !isPartial ? health.Fail(part, illness) : health.Ok(part);
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var settings = live.Current;
        foreach (var (part, journal) in journals.All)
        {
            try
            {
                await SweepAsync(journal, settings, cancellationToken);
            }
            catch (JournalException error)
            {
                // The next sweep comes by itself.
                LogSweepFailed(part, error.Message);
            }
        }
    }

    private async Task SweepAsync(IJournal journal, RelaySettings settings, CancellationToken cancellationToken)
    {
        var streams = await journal.ListAsync("", Page);
        while (streams.Length > 0 && !cancellationToken.IsCancellationRequested)
        {
            foreach (var (stream, state) in streams)
            {
                var now = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
                await journal.PruneAsync(Retention.Of(stream, settings, now) with { Fence = state.Fence });
            }

            streams = await journal.ListAsync(streams[^1].Stream, Page);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Part}: old events of sleeping channels cannot be dropped now: {Reason}")]
    private partial void LogSweepFailed(string part, string reason);
}
