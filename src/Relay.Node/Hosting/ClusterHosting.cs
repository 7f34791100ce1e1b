using System.Buffers.Binary;
using System.Reflection;
using System.Security.Cryptography;
using Relay.Actors;
using Relay.Actors.Cluster;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Redis;
using Relay.Redis.Cluster;
using Relay.Redis.Servers;

namespace Relay.Node.Hosting;

/// <summary>Brings the other nodes into the program.</summary>
public static class ClusterHosting
{
    /// <summary>Registers <see cref="ClusterParts"/> where a cluster is configured, with its start and stop.</summary>
    public static IServiceCollection AddRelayCluster(this IServiceCollection services, RelayOptions options)
    {
        if (!options.Cluster.Enabled)
        {
            return services;
        }

        services.AddSingleton(provider => new RedisClusterEngine(
            provider.GetRequiredService<RedisServers>(), provider.GetRequiredService<RedisServices>(), new RedisClusterOptions { Prefix = options.Cluster.Name, Shards = options.Cluster.Shards }));
        services.AddSingleton(provider => new ClusterParts(provider.GetRequiredService<RedisClusterEngine>(), Incarnation())
        {
            Shards = options.Cluster.Shards,
            MovesAtOnce = options.Cluster.MovesAtOnce,
            RebalanceTime = options.Cluster.RebalanceTime,
            ReconnectsPerSecond = options.Drain.ReconnectsPerSecond,
            ProgramVersion = typeof(ClusterHosting).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
            Address = options.Listeners[0].Url,
        });
        services.AddHostedService<ClusterLifetime>();
        return services;
    }

    private static ulong Incarnation()
    {
        Span<byte> bits = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bits);
        return BinaryPrimitives.ReadUInt64LittleEndian(bits);
    }
}

/// <summary>Joins when the listeners are up, and tells <c>/ready</c> how it stands. Leaving is a part of the actors' stop.</summary>
internal sealed class ClusterLifetime(RelaySystem relay, RedisClusterEngine engine, HealthState health, TimeProvider time) : BackgroundService
{
    private const string Part = "cluster";
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        health.Fail(Part, "joining the cluster");
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var cluster = relay.Cluster!;
        engine.Start();
        var joining = cluster.JoinAsync(stoppingToken);
        using var ticks = new PeriodicTimer(LookInterval, time);
        while (await ticks.WaitForNextTickAsync(stoppingToken))
        {
            if (joining.IsFaulted)
            {
                await joining;
            }

            _ = cluster.Illness is { } illness ? health.Fail(Part, illness) : health.Ok(Part);
            health.Impair(Part, engine.Detour is { } detour ? $"messages between nodes take other servers than {detour}" : null);
        }
    }
}
