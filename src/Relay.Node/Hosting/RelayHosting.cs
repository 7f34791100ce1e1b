using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Relay.Actors;
using Relay.Actors.Agents;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Actors.Metrics;
using Relay.Actors.Security;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Node.Listeners;
using Relay.Node.Loops;
using Relay.Protocol;
using Relay.Storage;

namespace Relay.Node.Hosting;

/// <summary>Brings the actors into the program.</summary>
public static class RelayHosting
{
    /// <summary>Sleeping channels kept; each holds its history, at most some hundred kilobytes and mostly far less.</summary>
    private const int SleepingChannels = 100_000;

    /// <summary>Registers <see cref="RelaySystem"/>, also as <see cref="IConnectionFactory"/>, with its start and stop.</summary>
    public static IServiceCollection AddRelayActors(this IServiceCollection services, RelayOptions options)
    {
        services.AddSingleton<IChannelArchive>(new MemoryChannelArchive(SleepingChannels));
        services.AddSingleton(provider => new RelayMetrics(name => provider.GetRequiredService<IMeterFactory>().Create(name), options.Namespaces.Keys));
        services.AddSingleton(provider => new NodeLimits(
            options.ForLimits(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Limits"),
            provider.GetRequiredService<RelayMetrics>().Limits));
        services.AddSingleton(provider => new RelaySystem(new RelayParts
        {
            Live = provider.GetRequiredService<LiveSettings>(),
            Authenticator = provider.GetRequiredService<IAuthenticator>(),
            Revocations = provider.GetRequiredService<Revocations>(),
            Archive = provider.GetRequiredService<IChannelArchive>(),
            Journals = provider.GetRequiredService<ChannelJournals>(),
            RandomBits = RandomBits,
            Loggers = provider.GetRequiredService<ILoggerFactory>(),
            AgentGateway = provider.GetService<IAgentGateway>(),
            Cluster = provider.GetService<ClusterParts>(),
            Metrics = provider.GetRequiredService<RelayMetrics>(),
            Limits = provider.GetRequiredService<NodeLimits>(),
            Kernel = new ActorSystemOptions
            {
                Time = provider.GetRequiredService<TimeProvider>(),
                Dispatcher = provider.GetRequiredService<LoopChoice>().Dispatcher,
            },
        }));
        services.AddSingleton<IConnectionFactory>(static provider => provider.GetRequiredService<RelaySystem>());
        services.AddHostedService<RelayLifetime>();
        return services;
    }

    private static ulong RandomBits()
    {
        Span<byte> bits = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bits);
        return BinaryPrimitives.ReadUInt64LittleEndian(bits);
    }
}

/// <summary>
/// The actors' part in the program's start and stop: clients are told before the server stops, the actors end after it.
/// </summary>
internal sealed class RelayLifetime(RelaySystem relay, RelayOptions options, ListenerSetup listeners) : IHostedLifecycleService
{
    private static readonly TimeSpan ActorsStop = TimeSpan.FromSeconds(5);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        foreach (var listener in listeners.Bound)
        {
            if (listener.Dialect == DialectKind.Hooks && Uri.TryCreate(listener.Url.Replace("*", "0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var url))
            {
                relay.ShowHooksAddress(url.Host, url.Port);
            }
        }

        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => relay.LeaveAsync(options.Drain.Time);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => relay.StopAsync(ActorsStop);
}
