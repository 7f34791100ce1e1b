using System.Diagnostics.Metrics;
using Relay.Actors;
using Relay.Actors.Agents;
using Relay.Actors.Bridges;
using Relay.Node.Agents;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.Loops;
using Relay.Redis;
using Relay.Redis.Bridge;
using Relay.Storage.Postgres;

namespace Relay.Node.Hosting;

/// <summary>Brings Redis, PostgreSQL and the agents outside into the program, as far as they are configured.</summary>
public static class BridgeHosting
{
    /// <summary>Registers the sources of messages from outside and the gateway to the configured agent.</summary>
    public static IServiceCollection AddRelayBridges(this IServiceCollection services, RelayOptions options)
    {
        services.AddMetrics();
        services.AddSingleton(provider => new BridgeServices(
            provider.GetRequiredService<RelaySystem>().DeliverAsync,
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<IMeterFactory>().Create(BridgeMetrics.MeterName),
            provider.GetRequiredService<TimeProvider>(),
            new Random(),
            provider.GetRequiredService<RelaySystem>().TellBridge));
        if (options.Redis.Connection is { } redis)
        {
            services.AddSingleton(provider => new RedisServices
            {
                Time = provider.GetRequiredService<TimeProvider>(),
                Loggers = provider.GetRequiredService<ILoggerFactory>(),
                Metrics = new RedisMetrics(provider.GetRequiredService<IMeterFactory>()),
                Sockets = provider.GetService<LoopChoice>()?.Loops is { } loops ? new LoopSocketWatcher(loops) : null,
            });
            services.AddSingleton(provider => new RedisClient(redis, provider.GetRequiredService<RedisServices>()));
        }

        switch (options.Agents.Backend)
        {
            case AgentBackend.Redis:
                services.AddSingleton<IAgentGateway>(provider =>
                    new RedisAgentGateway(provider.GetRequiredService<RedisClient>(), options.Agents.RedisList));
                break;
            case AgentBackend.Http:
                services.AddSingleton<IAgentGateway>(_ =>
                    new HttpAgentGateway(new HttpClient { Timeout = options.Agents.Timeout }, new Uri(options.Agents.HttpUrl)));
                break;
        }

        services.AddHostedService<BridgeLifetime>();
        return services;
    }
}

/// <summary>
/// The sources in the program's start and stop: they begin when the listeners are up, so that what they bring finds its clients, and end before the
/// actors do, so that what they brought is answered. The Redis client is not theirs: channels write their journal with it until the last actor has ended, and the
/// program closes it behind that.
/// </summary>
internal sealed class BridgeLifetime(IServiceProvider provider, RelayOptions options, HealthState health) : IHostedLifecycleService
{
    private readonly List<IAsyncDisposable> _running = [];

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var services = provider.GetRequiredService<BridgeServices>();
        if (provider.GetService<RedisClient>() is { } redis)
        {
            StartRedis(redis, services);
        }

        if (!options.Postgres.Connection.IsEmpty)
        {
            StartPostgres(options.Postgres.Connection.Reveal(), services);
        }

        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        foreach (var source in Enumerable.Reverse(_running))
        {
            await source.DisposeAsync();
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void StartRedis(RedisClient redis, BridgeServices services)
    {
        if (options.Agents.Backend == AgentBackend.Redis)
        {
            redis.Start();
        }

        if (options.Redis.UpdateChannels.Count > 0)
        {
            var updates = new RedisUpdatesSource(redis, options.Redis.UpdateChannels, services, Report("redis"));
            _running.Add(updates);
            updates.Start();
        }

        if (options.Redis.UpdateStreams.Count > 0)
        {
            var streams = new RedisStreamSource(
                redis,
                new RedisStreamOptions
                {
                    Streams = options.Redis.UpdateStreams,
                    Group = options.Redis.UpdateGroup,
                    Consumer = options.Cluster.NodeId.Length > 0 ? options.Cluster.NodeId : Environment.MachineName,
                    DeadLetters = options.Redis.DeadLetters,
                    DeadKept = options.Redis.DeadLettersKept,
                    MaxTries = options.Redis.MaxTries,
                },
                services,
                Report("redis-streams"));
            _running.Add(streams);
            streams.Start();
        }
    }

    private void StartPostgres(string connection, BridgeServices services)
    {
        if (options.Postgres.NotifyChannel.Length > 0)
        {
            var notifications = new PostgresNotificationSource(connection, options.Postgres.NotifyChannel, services, Report("postgres"));
            _running.Add(notifications);
            notifications.Start();
        }

        if (options.Postgres.Outbox.Length > 0)
        {
            var outbox = new OutboxSource(connection, new OutboxOptions { Table = options.Postgres.Outbox, MaxTries = options.Postgres.MaxTries }, services, Report("postgres-outbox"));
            _running.Add(outbox);
            outbox.Start();
        }
    }

    private Action<string?> Report(string part)
    {
        health.Fail(part, "connecting");
        return reason => _ = reason is null ? health.Ok(part) : health.Fail(part, reason);
    }
}
