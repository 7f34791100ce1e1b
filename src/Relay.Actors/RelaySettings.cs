using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors;

/// <summary>How the channels of one namespace behave. Immutable.</summary>
public sealed record NamespaceSettings
{
    /// <summary>Events kept for resume and history; 0 = none.</summary>
    public int HistoryLength { get; init; } = 1000;

    /// <summary>Events older than this are forgotten.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether subscribers may be present and ask who is.</summary>
    public bool Presence { get; init; } = true;

    /// <summary>What happens to events that a slow client does not take.</summary>
    public WhenSlow WhenSlow { get; init; } = WhenSlow.Disconnect;

    /// <summary>How long a publish id is remembered (guarantees.md 3).</summary>
    public TimeSpan DedupeWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many publish ids one channel remembers at most.</summary>
    public int DedupeIds { get; init; } = 10_000;

    /// <summary>Keys whose newest event a channel keeps, whatever its history; beyond it the one written least recently is forgotten. 0 = none.</summary>
    public int KeyedValues { get; init; } = 1000;

    /// <summary>Where accepted events are kept (guarantees.md 5).</summary>
    public Durability Durability { get; init; }

    /// <summary>Who may hear, where the credentials name no channels; null = the usual, see <see cref="AccessRules"/>.</summary>
    public Access? Subscribe { get; init; }

    /// <summary>Who may publish, in the same way.</summary>
    public Access? Publish { get; init; }

    /// <summary>Who may read stored events; null = who may hear.</summary>
    public Access? ReadHistory { get; init; }

    /// <summary>Who may see who is present, and be seen; null = who may hear.</summary>
    public Access? SeePresence { get; init; }

    /// <summary>The refusal, for people, of whoever asks for presence where there is none; the same by every way in.</summary>
    public static string PresenceOff(string channel) => $"Presence is turned off for {ChannelName.Namespace(channel)}";
}

/// <summary>Everything the actors must know of the configuration. Immutable.</summary>
public sealed record RelaySettings
{
    /// <summary>Id of this node, e.g. in native <c>connected</c> frames.</summary>
    public string NodeId { get; init; } = "node-1";

    /// <summary>Settings by namespace; those not named take <see cref="DefaultNamespace"/>.</summary>
    public IReadOnlyDictionary<string, NamespaceSettings> Namespaces { get; init; } = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal);

    /// <summary>For namespaces without an entry.</summary>
    public NamespaceSettings DefaultNamespace { get; init; } = new();

    /// <summary>Bytes that may wait for one native client, which can resume (guarantees.md 8).</summary>
    public int UnsentBytes { get; init; } = 1024 * 1024;

    /// <summary>
    /// Bytes that may wait for a client of a family without resume. More, because such a client loses for good what comes after the cut
    /// (docs/decisions/0003).
    /// </summary>
    public int UnsentBytesWithoutResume { get; init; } = 8 * 1024 * 1024;

    /// <summary>
    /// Stored events that a subscriber who catches up is brought at a time. By default their frames make about one batch of 64 KiB, which those who missed the same
    /// share, and reading them is a short turn of the channel.
    /// </summary>
    public PageBounds CatchUpPage { get; init; } = new(256, 48 * 1024);

    /// <summary>Publishes of one connection that are on their way to their channels.</summary>
    public int MaxInFlightPublishes { get; init; } = 1024;

    /// <summary>Channels one connection may be subscribed to.</summary>
    public int MaxSubscriptionsPerConnection { get; init; } = 1000;

    /// <summary>How long a native client's session can be taken up after its connection ended; zero = only while it lives.</summary>
    public TimeSpan SessionResumeWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A message must be complete so long after its first byte.</summary>
    public TimeSpan MessageDeadline { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Smallest event in bytes that is sent compressed to clients that negotiated it.</summary>
    public int CompressionThreshold { get; init; } = 512;

    /// <summary>Whether events that come without a trace may begin one.</summary>
    public bool TraceUnmarked { get; init; }

    /// <summary>Bytes in which a node remembers deliveries, to explain them; 0 = nothing is remembered.</summary>
    public int ExplainBytes { get; init; }

    /// <summary>Interval of the key figures on channel <c>metrics</c>.</summary>
    public TimeSpan MetricsInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>webui: a chat message without a session creates one.</summary>
    public bool AutoCreateSession { get; init; }

    /// <summary>webui: a session ends so long after its last use.</summary>
    public TimeSpan SessionTtl { get; init; } = TimeSpan.FromHours(24);

    /// <summary>webui: messages one session keeps; the oldest go first.</summary>
    public int SessionMessages { get; init; } = 1000;

    /// <summary>webui: an agent must answer within this time.</summary>
    public TimeSpan AgentTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The settings in force for <paramref name="channel"/>.</summary>
    public NamespaceSettings For(string channel) => Namespaces.GetValueOrDefault(ChannelName.Namespace(channel), DefaultNamespace);
}
