using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Relay.Actors;
using Relay.Actors.Agents;
using Relay.Actors.Bridges;
using Relay.Actors.Cluster;
using Relay.Node.Agents;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.Loops;
using Relay.Redis;
using Relay.Redis.Bridge;
using Relay.Redis.Servers;
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
        if (options.Redis.Servers.Count > 0)
        {
            services.AddSingleton(provider => new RedisServices
            {
                Time = provider.GetRequiredService<TimeProvider>(),
                Loggers = provider.GetRequiredService<ILoggerFactory>(),
                Metrics = new RedisMetrics(provider.GetRequiredService<IMeterFactory>()),
                Sockets = provider.GetService<LoopChoice>()?.Loops is { } loops ? new LoopSocketWatcher(loops) : null,
            });
            services.AddSingleton(provider => new RedisServers(options.Redis.Servers, provider.GetRequiredService<RedisServices>()));
        }

        switch (options.Agents.Backend)
        {
            case AgentBackend.Redis:
                services.AddSingleton<IAgentGateway>(provider =>
                    new RedisAgentGateway(provider.GetRequiredService<RedisServers>().Main, options.Agents.RedisList));
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

    // Every node of a cluster hears what these bring, and who serves a channel brings it there.
    private readonly List<IAsyncDisposable> _heard = [];
    private readonly RelayCluster? _cluster = provider.GetRequiredService<RelaySystem>().Cluster;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var services = provider.GetRequiredService<BridgeServices>();
        if (provider.GetService<RedisServers>() is { } servers)
        {
            if (options.Agents.Backend == AgentBackend.Redis)
            {
                servers.Main.Start();
            }

            foreach (var server in servers.All)
            {
                StartRedis(server, services);
            }
        }

        if (!options.Postgres.Connection.IsEmpty)
        {
            StartPostgres(options.Postgres.Connection.Reveal(), services);
        }

        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_cluster is null)
        {
            await EndAsync(_heard);
        }

        await EndAsync(_running);
    }

    // In a cluster these end behind its leaving: until then the channels of this node have nobody else who brings them anything.
    public Task StopAsync(CancellationToken cancellationToken) => _cluster is null ? Task.CompletedTask : EndAsync(_heard);

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Workers publish where they like.
    private void StartRedis(RedisServer server, BridgeServices services)
    {
        if (options.Redis.UpdateChannels.Count > 0)
        {
            var updates = new RedisUpdatesSource(
                server.Client, options.Redis.UpdateChannels, services, Report("redis", server), Share($"{{{options.Cluster.Name}}}:updates"));
            _heard.Add(updates);
            updates.Start();
        }

        if (options.Redis.UpdateStreams.Count > 0)
        {
            var streams = new RedisStreamSource(
                server.Client,
                new RedisStreamOptions
                {
                    Streams = options.Redis.UpdateStreams,
                    Server = IsMain(server) ? null : server.Name,
                    Group = options.Redis.UpdateGroup,
                    Consumer = _cluster?.View.Self.Name ?? (options.Cluster.NodeId.Length > 0 ? options.Cluster.NodeId : Environment.MachineName),
                    IsReader = provider.GetRequiredService<RelaySystem>().Ownership is { } ownership ? stream => ownership.Owns("streams/" + stream) : null,
                    DeadLetters = options.Redis.DeadLetters,
                    DeadKept = options.Redis.DeadLettersKept,
                    MaxTries = options.Redis.MaxTries,
                },
                services,
                Report("redis-streams", server));
            _running.Add(streams);
            streams.Start();
        }
    }

    private void StartPostgres(string connection, BridgeServices services)
    {
        if (options.Postgres.NotifyChannel.Length > 0)
        {
            var notifications = new PostgresNotificationSource(connection, options.Postgres.NotifyChannel, services, Report("postgres"), Share("relay_marks_" + NotifyName(options.Cluster.Name)));
            _heard.Add(notifications);
            notifications.Start();
        }

        if (options.Postgres.Outbox.Length > 0)
        {
            var outbox = new OutboxSource(connection, new OutboxOptions { Table = options.Postgres.Outbox, MaxTries = options.Postgres.MaxTries }, services, Report("postgres-outbox"));
            _running.Add(outbox);
            outbox.Start();
        }
    }

    private static async Task EndAsync(List<IAsyncDisposable> sources)
    {
        foreach (var source in Enumerable.Reverse(sources))
        {
            await source.DisposeAsync();
        }
    }

    // A channel of PostgreSQL has at most 63 bytes in its name.
    private static string NotifyName(string cluster) =>
        cluster.Length <= 48 ? cluster : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(cluster)))[..48];

    private FeedSharing? Share(string marks) => _cluster is null ? null : new FeedSharing(_cluster.NewFeed(), marks);

    private static bool IsMain(RedisServer server) => server.Name == RedisServers.MainName;

    // One of several that is away does not make the node useless: every other node would be as well.
    private Action<string?> Report(string part, RedisServer server) => IsMain(server) ? Report(part) : reason => health.Impair($"{part}-{server.Name}", reason);

    private Action<string?> Report(string part)
    {
        health.Fail(part, "connecting");
        return reason => _ = reason is null ? health.Ok(part) : health.Fail(part, reason);
    }
}
