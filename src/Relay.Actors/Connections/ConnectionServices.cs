using Relay.Actors.Cluster;
using Relay.Actors.Explain;
using Relay.Actors.Limits;
using Relay.Actors.Metrics;
using Relay.Actors.Security;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What every connection's actor is given. Immutable, shared.</summary>
public sealed record ConnectionServices
{
    /// <summary>Configuration.</summary>
    public required LiveSettings Live { get; init; }

    /// <summary>The settings in force.</summary>
    public RelaySettings Settings => Live.Current;

    /// <summary>Clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Region of the channels, sessions among them.</summary>
    public required IActorRef Channels { get; init; }

    /// <summary>This node's replicas.</summary>
    public required IActorRef Replicas { get; init; }

    /// <summary>Region of the agents' remembered subscriptions.</summary>
    public required IActorRef Agents { get; init; }

    /// <summary>Keeper of the hooks status.</summary>
    public required IActorRef HookMonitor { get; init; }

    /// <summary>This node's connections.</summary>
    public required ConnectionRegistry Registry { get; init; }

    /// <summary>Native clients' tokens.</summary>
    internal SessionTokens Tokens { get; init; } = null!;

    /// <summary>What they come back to.</summary>
    internal SessionStore Sessions { get; init; } = null!;

    /// <summary>Who finds what another node has of them; null where there is none.</summary>
    internal IActorRef? OtherSessions { get; init; }

    /// <summary>In a cluster: where arrivals and departures of agents are counted, on the node of the connection; who knows of the others. Null = this node is alone.</summary>
    internal NodeNews? News { get; init; }

    /// <summary>With <see cref="News"/>.</summary>
    internal KeyFigures? Figures { get; init; }

    /// <summary>Connections of these dialects, those to other nodes included.</summary>
    internal int CountOf(params ReadOnlySpan<DialectKind> kinds) => News?.CountOf(kinds) ?? Registry.CountOf(kinds);

    /// <summary>Where publishes are timed.</summary>
    public ChannelMetrics Metrics { get; init; } = ChannelMetrics.Unseen;

    /// <summary>Where it is noted what becomes of events.</summary>
    public DeliveryLog Deliveries { get; init; } = DeliveryLog.Off;

    /// <summary>How much of what a client may do.</summary>
    public required NodeLimits Limits { get; init; }

    /// <summary>Who checks tokens.</summary>
    public required IAuthenticator Authenticator { get; init; }

    /// <summary>Who may what.</summary>
    public required AccessRules Access { get; init; }

    /// <summary>Tokens that are not believed any more.</summary>
    public required Revocations Revocations { get; init; }

    /// <summary>Unpredictable bits for session and message ids.</summary>
    public required Func<ulong> RandomBits { get; init; }
}
