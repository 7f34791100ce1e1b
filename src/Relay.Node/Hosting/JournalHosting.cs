using System.Diagnostics.Metrics;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Redis;
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
            Wants(options, Durability.Redis) ? OpenRedis(provider, options.Redis) : null,
            Wants(options, Durability.Sql) ? OpenSql(provider, options) : null,
            provider.GetRequiredService<JournalMetrics>()));
        services.AddSingleton(static provider => provider.GetRequiredService<OpenedJournals>().ForChannels);
        services.AddHostedService<JournalKeeper>();
        services.AddHostedService<SessionKeeper>();
        return services;
    }

    private static bool Wants(RelayOptions options, Durability durability) => options.Namespaces.Values.Any(space => space.Durability == durability);

    private static RedisJournal OpenRedis(IServiceProvider provider, RedisSection options)
    {
        var redis = provider.GetRequiredService<RedisClient>();
        redis.Start();
        return new RedisJournal(
            redis,
            new RedisJournalOptions { WaitReplicas = options.WaitReplicas, WaitTimeout = options.WaitTimeout, Metrics = provider.GetRequiredService<JournalMetrics>() },
            provider.GetRequiredService<ILoggerFactory>());
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
internal sealed class OpenedJournals(IJournal? redis, IJournal? sql, JournalMetrics metrics) : IAsyncDisposable
{
    public ChannelJournals ForChannels { get; } = new(redis, sql) { Metrics = metrics };

    /// <summary>Each with its name in <c>/ready</c>.</summary>
    public IEnumerable<(string Part, IJournal Journal)> All
    {
        get
        {
            if (redis is not null)
            {
                yield return ("journal-redis", redis);
            }

            if (sql is not null)
            {
                yield return ("journal", sql);
            }
        }
    }

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
    OpenedJournals journals, RelayOptions options, HealthState health, TimeProvider time, ILogger<JournalKeeper> logger) : BackgroundService
{
    private const int Page = 500;
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>Channels in use prune themselves; this is for those that sleep.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!journals.All.Any())
        {
            return;
        }

        using var ticks = new PeriodicTimer(LookInterval, time);
        var swept = time.GetTimestamp();
        do
        {
            foreach (var (part, journal) in journals.All)
            {
                _ = journal.Illness is { } illness ? health.Fail(part, illness) : health.Ok(part);
            }

            if (time.GetElapsedTime(swept) >= SweepInterval)
            {
                swept = time.GetTimestamp();
                await SweepAsync(stoppingToken);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken));
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var settings = options.ForActors();
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
