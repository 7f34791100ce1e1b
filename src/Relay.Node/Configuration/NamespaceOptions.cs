using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Security;

namespace Relay.Node.Configuration;

/// <summary>Options of the channels whose name begins with one namespace.</summary>
public sealed record NamespaceOptions
{
    private static readonly ValueKind<Durability> AnyDurability =
        Kinds.Choice([("memory", Durability.Memory), ("redis", Durability.Redis), ("sql", Durability.Sql)]);

    private static readonly ValueKind<Access?> AnyAccess = Kinds.Choice<Access?>(
        [("usual", null), ("anyone", Access.Anyone), ("authenticated", Access.Authenticated), ("own", Access.Own), ("nobody", Access.Nobody)]);

    /// <summary>The namespaces of protocols.md, "Channels".</summary>
    public static IReadOnlyList<string> Names { get; } = ["global", "metrics", "users", "projects", "agents", "sessions", "hooks", "topics"];

    /// <summary>The defaults by name.</summary>
    public static IReadOnlyDictionary<string, NamespaceOptions> Defaults { get; } =
        Names.ToDictionary(name => name, DefaultOf, StringComparer.OrdinalIgnoreCase);

    /// <summary>Events a channel keeps for those who come back; 0 = none.</summary>
    public int HistoryLength { get; init; } = 1000;

    /// <summary>How long it keeps them; zero = as long as <see cref="HistoryLength"/> allows.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a publish id is remembered (guarantees.md 3); zero = ids are not remembered.</summary>
    public TimeSpan DedupeWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many publish ids a channel remembers.</summary>
    public int DedupeIds { get; init; } = 10_000;

    /// <summary>Keys whose newest event a channel keeps.</summary>
    public int KeyedValues { get; init; } = 1000;

    /// <summary>Publishes into it that come in on one node; 0 = no bound.</summary>
    public int PublishesPerSecond { get; init; }

    /// <summary>Where accepted events are kept.</summary>
    public Durability Durability { get; init; }

    /// <summary>What happens to a slow reader.</summary>
    public WhenSlow WhenSlow { get; init; }

    /// <summary>Whether channels know their members.</summary>
    public bool Presence { get; init; } = true;

    /// <summary>Who may publish, where the token names no channels; null = the usual.</summary>
    public Access? Publish { get; init; }

    /// <summary>Who may subscribe; null = the usual.</summary>
    public Access? Subscribe { get; init; }

    /// <summary>Who may read history; null = who may subscribe.</summary>
    public Access? ReadHistory { get; init; }

    /// <summary>Who may see who is present; null = who may subscribe.</summary>
    public Access? SeePresence { get; init; }

    internal static NamespaceOptions Read(string name, SettingReader section)
    {
        var usual = DefaultOf(name);
        var year = TimeSpan.FromDays(366);
        return new NamespaceOptions
        {
            HistoryLength = section.Read("HistoryLength", Kinds.Count(0, 1_000_000), usual.HistoryLength, "Events each channel keeps for clients that come back; 0 = none.", Differing(o => o.HistoryLength.ToString())),
            HistoryAge = section.Read("HistoryAge", Kinds.DurationOrNone(TimeSpan.FromSeconds(1), year), usual.HistoryAge, "How long it keeps them; 0 = as long as HistoryLength allows.", Differing(o => Durations.Format(o.HistoryAge))),
            DedupeWindow = section.Read("DedupeWindow", Kinds.DurationOrNone(TimeSpan.FromSeconds(1), year), usual.DedupeWindow, "How long a publish id is remembered, so that a repeat is accepted once; 0 = not at all."),
            DedupeIds = section.Read("DedupeIds", Kinds.Count(0, 1_000_000), usual.DedupeIds, "Publish ids each channel remembers; 0 = none."),
            KeyedValues = section.Read("KeyedValues", Kinds.Count(0, 10_000), usual.KeyedValues, "Keys whose newest event each channel keeps, whatever its history; beyond it the key written least recently is forgotten; 0 = none, and no versioned publishes."),
            PublishesPerSecond = section.Read("PublishesPerSecond", Kinds.Count(0, 10_000_000), usual.PublishesPerSecond, "Publishes into the namespace that clients and services send to this node, two seconds' worth at once; beyond it RATE_LIMITED; 0 = no bound."),
            Durability = section.Read("Durability", AnyDurability, usual.Durability, "Where accepted events are kept: memory (gone with the node), redis (survives the nodes) or sql (survives a power cut: PostgreSQL where Postgres:Connection is set, else SQLite in Storage:Path)."),
            WhenSlow = section.Read("WhenSlow", Kinds.Choice([("disconnect", WhenSlow.Disconnect), ("dropOldest", WhenSlow.DropOldest), ("conflate", WhenSlow.Conflate)]), usual.WhenSlow, "What happens at Limits:UnsentBytes: disconnect the client (1013), drop the oldest waiting events, or keep only the newest of each key; a native client is told the gap."),
            Presence = section.Read("Presence", Kinds.Flag, usual.Presence, "Whether native subscribers may be present and ask who is; false = such wishes are refused with NOT_AUTHORIZED."),
            Publish = section.Read("Publish", AnyAccess, usual.Publish, "Who may publish, of those let in whose token names no channels: anyone; authenticated (who showed a credential, and the channel's own user or agent); own (the channel's own user, agent or session, and API keys); nobody (API keys and bridges only). usual = anyone; with Auth:Required own for users."),
            Subscribe = section.Read("Subscribe", AnyAccess, usual.Subscribe, "Who may subscribe, in the same words. usual = anyone; with Auth:Required own for users and agents, else authenticated for agents."),
            ReadHistory = section.Read("ReadHistory", AnyAccess, usual.ReadHistory, "Who may read stored events, also when subscribing. usual = as Subscribe."),
            SeePresence = section.Read("SeePresence", AnyAccess, usual.SeePresence, "Who may see who is present, and be seen. usual = as Subscribe."),
        };
    }

    /// <summary>
    /// The hooks monitor keeps its last 1,000 events however old they are. A metric is worth one minute at its 5 s interval. Users, the most
    /// numerous channels, keep less each: a node with 10,000 busy users then holds 2 million events at most, not 10 million.
    /// Sessions last as long as <c>WebUi:SessionTtl</c> by default.
    /// </summary>
    private static NamespaceOptions DefaultOf(string name) => name.ToUpperInvariant() switch
    {
        "HOOKS" => new() { HistoryAge = TimeSpan.Zero },
        "METRICS" => new() { HistoryLength = 12, HistoryAge = TimeSpan.FromMinutes(1) },
        "USERS" => new() { HistoryLength = 200 },
        "SESSIONS" => new() { HistoryAge = TimeSpan.FromHours(24) },
        _ => new(),
    };

    /// <summary><c>1000; metrics 12; users 200</c>: the common default, then the exceptions.</summary>
    private static string Differing(Func<NamespaceOptions, string> value)
    {
        var common = value(new NamespaceOptions());
        return string.Join("; ", Names.Where(name => !value(DefaultOf(name)).Equals(common, StringComparison.Ordinal)).Select(name => $"{name} {value(DefaultOf(name))}").Prepend(common));
    }
}
