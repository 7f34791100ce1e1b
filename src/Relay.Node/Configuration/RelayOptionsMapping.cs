using System.Collections.Frozen;
using System.Security.Cryptography;
using Relay.Actors;
using Relay.Actors.Limits;
using Relay.Node.Listeners;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.Configuration;

/// <summary>The options as each room wants them. The rooms know nothing of configuration; this is the one place that knows both.</summary>
public static class RelayOptionsMapping
{
    /// <summary>Stands for "no age limit" where a room wants a duration.</summary>
    private static readonly TimeSpan Forever = TimeSpan.FromDays(36_500);

    /// <summary>What to listen on.</summary>
    public static IReadOnlyList<ListenerDefinition> ForListeners(this RelayOptions options) =>
    [
        .. options.Listeners.Select(listener => new ListenerDefinition(listener.Name, listener.Url, listener.Dialect)
        {
            ProxyProtocol = listener.ProxyProtocol,
            Tls = listener.Tls?.ForListener(),
        }),
    ];

    /// <summary>For the WebSocket server, with the rules of namespaces as they are at the time. Message limits travel in the dialects' profiles, see <see cref="ForDialects"/>.</summary>
    public static WebSocketServerOptions ForWebSockets(this RelayOptions options, LiveSettings? live = null) => new()
    {
        HandshakeTimeout = options.Limits.HandshakeTimeout,
        MaxConnections = options.Limits.MaxConnections > 0 ? options.Limits.MaxConnections : null,
        MaxFragments = options.Limits.MaxFragments,
        MaxInflatedBytes = options.Limits.InflatedBytes,
        Deflate = options.Compression.Enabled,
        AllowedOrigins = options.Auth.Origins,
        AllowedHosts = options.Auth.Hosts,
        Proxies = options.Proxies.Trust,
        TokenInQuery = options.Auth.TokenInQuery,
        Namespaces = NamespacesOf(live ?? options.ForActors()),
        Echo = options.Testing.Echo,
        EchoMessageDeadline = options.Limits.MessageDeadline,
        EventLoops = options.Server.EventLoops,
    };

    /// <summary>Every dialect with its configured limits and intervals; native in protobuf takes those of <c>relay</c>.</summary>
    public static IReadOnlyList<IDialect> ForDialects(this RelayOptions options) => [.. Protocol.Dialects.All.Select(dialect =>
    {
        var profile = dialect.Profile;
        var name = profile.Kind == DialectKind.RelayProtobuf ? Protocol.Dialects.ByKind(DialectKind.Relay).Profile.Name : profile.Name;
        var configured = options.Dialects[name];
        return Protocol.Dialects.Create(profile with
        {
            MaxMessageBytes = configured.MaxMessageBytes,
            PingInterval = configured.PingInterval,
            IdleTimeout = configured.IdleTimeout,
            JsonPingInterval = configured.JsonPingInterval,
        });
    })];

    /// <summary>For the actors. Where hooks listens is not known before the listeners are bound.</summary>
    public static RelaySettings ForActors(this RelayOptions options) => new()
    {
        NodeId = options.Cluster.NodeId.Length > 0 ? options.Cluster.NodeId : "node-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)),
        Namespaces = options.Namespaces.ToDictionary(entry => entry.Key, entry => ForChannels(entry.Value), StringComparer.Ordinal),
        UnsentBytes = options.Limits.UnsentBytes,
        UnsentBytesWithoutResume = options.Limits.UnsentBytesWithoutResume,
        MaxInFlightPublishes = options.Limits.MaxInFlightPublishes,
        MaxSubscriptionsPerConnection = options.Limits.MaxSubscriptionsPerConnection,
        SessionResumeWindow = options.Limits.SessionResumeWindow,
        MessageDeadline = options.Limits.MessageDeadline,
        CompressionThreshold = options.Compression.Threshold,
        ExplainBytes = options.Explain.Bytes,
        MetricsInterval = options.Metrics.Interval,
        TraceUnmarked = options.Telemetry.TraceShare > 0,
        AutoCreateSession = options.WebUi.AutoCreateSession,
        SessionTtl = options.WebUi.SessionTtl,
        SessionMessages = options.WebUi.MaxMessages,
        AgentTimeout = options.Agents.Timeout,
    };

    private static Func<string, NamespaceSettings> NamespacesOf(LiveSettings live) => channel => live.Current.For(channel);

    /// <summary>The limits that are asked while the node runs.</summary>
    public static RelayLimits ForLimits(this RelayOptions options) => new()
    {
        ConnectionsPerAddress = options.Limits.MaxConnectionsPerAddress,
        ConnectionsPerUser = options.Limits.MaxConnectionsPerUser,
        CountPrivateAddresses = options.Limits.CountPrivateAddresses,
        HandshakesPerSecond = options.Limits.HandshakesPerSecond,
        HandshakesPerSecondPerAddress = options.Limits.HandshakesPerSecondPerAddress,
        FramesPerSecond = options.Limits.FramesPerSecond,
        BytesPerSecond = options.Limits.BytesPerSecond,
        PublishesPerSecondPerConnection = options.Limits.PublishesPerSecondPerConnection,
        PublishesPerSecondPerUser = options.Limits.PublishesPerSecondPerUser,
        PublishesPerSecond = options.Namespaces.Where(static entry => entry.Value.PublishesPerSecond > 0)
            .ToFrozenDictionary(static entry => entry.Key, static entry => entry.Value.PublishesPerSecond, StringComparer.Ordinal),
        QueueDelay = options.Limits.QueueDelay,
        MemoryBudget = options.Limits.MemoryBudget > 0 ? options.Limits.MemoryBudget : ProcessMemory.Available() / 5 * 4,
    };

    private static NamespaceSettings ForChannels(NamespaceOptions options) => new()
    {
        HistoryLength = options.HistoryLength,
        HistoryAge = options.HistoryAge > TimeSpan.Zero ? options.HistoryAge : Forever,
        DedupeWindow = options.DedupeWindow,
        DedupeIds = options.DedupeIds,
        KeyedValues = options.KeyedValues,
        WhenSlow = options.WhenSlow,
        Presence = options.Presence,
        Subscribe = options.Subscribe,
        Publish = options.Publish,
        ReadHistory = options.ReadHistory,
        SeePresence = options.SeePresence,
        Durability = options.Durability,
    };
}
