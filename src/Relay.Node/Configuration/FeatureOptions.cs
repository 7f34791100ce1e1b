using Relay.Actors.Channels;
using Relay.Protocol;
using Relay.Redis;

namespace Relay.Node.Configuration;

/// <summary>permessage-deflate (RFC 7692), without context takeover.</summary>
public sealed record CompressionOptions
{
    /// <summary>Whether it is agreed on with clients that offer it.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Smaller messages are sent as they are: below this, deflate saves less than it costs.</summary>
    public int Threshold { get; init; } = 512;

    internal static CompressionOptions Read(SettingReader reader)
    {
        var usual = new CompressionOptions();
        return new CompressionOptions
        {
            Enabled = reader.Read("Compression:Enabled", Kinds.Flag, usual.Enabled, "Whether permessage-deflate is agreed on with clients that offer it."),
            Threshold = reader.Read("Compression:Threshold", Kinds.Size(0, 64 << 20), usual.Threshold, "Smaller messages are sent uncompressed."),
        };
    }
}

/// <summary>Sessions of the agent chat UI.</summary>
public sealed record WebUiOptions
{
    /// <summary>A chat message without a session creates one.</summary>
    public bool AutoCreateSession { get; init; }

    /// <summary>How long an unused session lives.</summary>
    public TimeSpan SessionTtl { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Messages of one session; the oldest are dropped.</summary>
    public int MaxMessages { get; init; } = 1000;

    internal static WebUiOptions Read(SettingReader reader)
    {
        var usual = new WebUiOptions();
        return new WebUiOptions
        {
            AutoCreateSession = reader.Read("WebUi:AutoCreateSession", Kinds.Flag, usual.AutoCreateSession, "Whether a chat message without a session creates one."),
            SessionTtl = reader.Read("WebUi:SessionTtl", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(366)), usual.SessionTtl, "How long an unused session lives."),
            MaxMessages = reader.Read("WebUi:MaxMessages", Kinds.Count(1, 1_000_000), usual.MaxMessages, "Messages of one session; the oldest are dropped."),
        };
    }
}

/// <summary>Who answers chat messages.</summary>
public enum AgentBackend
{
    /// <summary>The node itself.</summary>
    Echo,

    /// <summary>Workers behind a Redis list.</summary>
    Redis,

    /// <summary>A webhook.</summary>
    Http,
}

/// <summary>Who answers chat messages, and how long it may take.</summary>
public sealed record AgentOptions
{
    /// <summary>Who.</summary>
    public AgentBackend Backend { get; init; }

    /// <summary>List that requests are pushed to, with <see cref="AgentBackend.Redis"/>.</summary>
    public string RedisList { get; init; } = "relay:agent-requests";

    /// <summary>Where requests are posted to, with <see cref="AgentBackend.Http"/>; empty otherwise.</summary>
    public string HttpUrl { get; init; } = "";

    /// <summary>Without an answer for so long, participants get <c>TIMEOUT</c>.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    internal static AgentOptions Read(SettingReader reader)
    {
        var usual = new AgentOptions();
        return new AgentOptions
        {
            Backend = reader.Read("Agents:Backend", Kinds.Choice([("echo", AgentBackend.Echo), ("redis", AgentBackend.Redis), ("http", AgentBackend.Http)]), usual.Backend, "Who answers chat messages: the node itself, workers behind a Redis list, or a webhook."),
            RedisList = reader.Read("Agents:Redis:List", Kinds.Text.Unless(text => text.Length > 0 ? null : "must not be empty"), usual.RedisList, "List that requests are pushed to, with the backend redis."),
            HttpUrl = reader.Read("Agents:Http:Url", Kinds.HttpUrl, usual.HttpUrl, "Address that requests are posted to, with the backend http."),
            Timeout = reader.Read("Agents:Timeout", Kinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(24)), usual.Timeout, "Without an answer for so long, the session's participants get TIMEOUT."),
        };
    }

    internal void Check(SettingReader reader, RedisOptions? redis)
    {
        if (Backend == AgentBackend.Redis && redis is null)
        {
            reader.Problem("Redis:Endpoints", null, "Agents:Backend=redis needs a Redis", "127.0.0.1:6379");
        }

        if (Backend == AgentBackend.Http && HttpUrl.Length == 0)
        {
            reader.Problem("Agents:Http:Url", null, "Agents:Backend=http needs an address", Kinds.HttpUrl.Example);
        }
    }
}

/// <summary>How a node leaves.</summary>
public sealed record DrainOptions
{
    /// <summary>Seconds it takes to spread its clients.</summary>
    public int Seconds { get; init; } = 25;

    /// <summary>The same as a duration.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Seconds);

    /// <summary>Most clients that come back to other nodes within a second, over the whole cluster.</summary>
    public int ReconnectsPerSecond { get; init; } = 500;

    internal static DrainOptions Read(SettingReader reader) => new()
    {
        Seconds = reader.Read("Drain:Seconds", Kinds.Count(0, 3600), new DrainOptions().Seconds, "Longest time, in seconds, a leaving node takes to hand over and spread its clients; 0 = none."),
        ReconnectsPerSecond = reader.Read("Drain:ReconnectsPerSecond", Kinds.Count(1, 100_000), new DrainOptions().ReconnectsPerSecond, "In a cluster: most clients per second, of all nodes together, that are sent to another node. The same on every node."),
    };
}

/// <summary>What conformance suites need.</summary>
public sealed record TestingOptions
{
    /// <summary>Path <c>/echo</c> sends every message back.</summary>
    public bool Echo { get; init; }

    internal static TestingOptions Read(SettingReader reader) => new()
    {
        Echo = reader.Read("Testing:Echo", Kinds.Flag, false, "Whether the path /echo sends every message back, up to 16MiB, for conformance suites."),
    };
}

/// <summary>This node among others.</summary>
public sealed record ClusterOptions
{
    /// <summary>Whether it shares its channels with other nodes.</summary>
    public bool Enabled { get; init; }

    /// <summary>Begins all names of the cluster in Redis.</summary>
    public string Name { get; init; } = "relay";

    /// <summary>Parts that channels are spread over; the same on all nodes.</summary>
    public int Shards { get; init; } = 256;

    /// <summary>Most shards on their way from this node at the same time.</summary>
    public int MovesAtOnce { get; init; } = 4;

    /// <summary>Within which clients even out over the nodes; zero = they stay where they are.</summary>
    public TimeSpan RebalanceTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The node's name in <c>connected</c>, logs and metrics; empty = random at every start.</summary>
    public string NodeId { get; init; } = "";

    internal static ClusterOptions Read(SettingReader reader)
    {
        var usual = new ClusterOptions();
        return new ClusterOptions
        {
            Enabled = reader.Read("Cluster:Enabled", Kinds.Flag, usual.Enabled, "Whether this node shares its channels with the other nodes of the cluster. Needs Redis:Endpoints. Chat sessions are kept where they survive a move: Namespaces:sessions:Durability is redis unless it is set to sql."),
            Name = reader.Read("Cluster:Name", Names("relay"), usual.Name, "Name of the cluster in Redis; clusters that share a Redis need different ones."),
            Shards = reader.Read("Cluster:Shards", Kinds.Count(1, 4096), usual.Shards, "Parts that channels are spread over. The same on every node; never changed while the cluster runs."),
            MovesAtOnce = reader.Read("Cluster:MovesAtOnce", Kinds.Count(1, 64), usual.MovesAtOnce, "Most parts on their way from this node to others at the same time."),
            RebalanceTime = reader.Read("Cluster:RebalanceTime", Kinds.Duration(TimeSpan.Zero, TimeSpan.FromDays(1)), usual.RebalanceTime, "Within this time after a node has come, clients even out over the nodes: those with clearly more than the average ask native ones to reconnect, a few at a time; 0s = clients stay where they are."),
            NodeId = reader.Read("Cluster:NodeId", Names("node-1"), usual.NodeId, "Name of this node in greetings, logs, metrics and the cluster; unique there; empty = random."),
        };
    }

    /// <summary>The namespaces with the defaults that a cluster has.</summary>
    internal IReadOnlyDictionary<string, NamespaceOptions> Complete(IReadOnlyDictionary<string, NamespaceOptions> namespaces, SettingReader reader) =>
        !Enabled || reader.IsSet($"Namespaces:{ChannelName.Sessions}:Durability")
            ? namespaces
            : new Dictionary<string, NamespaceOptions>(namespaces, StringComparer.OrdinalIgnoreCase)
            {
                [ChannelName.Sessions] = namespaces[ChannelName.Sessions] with { Durability = Durability.Redis },
            };

    internal void Check(SettingReader reader, RelayOptions options)
    {
        if (!Enabled)
        {
            return;
        }

        if (options.Redis.Connection is null)
        {
            reader.Problem("Redis:Endpoints", null, "Cluster:Enabled=true needs a Redis, in which the nodes find each other", "127.0.0.1:6379");
        }

        foreach (var (name, space) in options.Namespaces)
        {
            if (space.Durability == Durability.Sql && options.Postgres.Connection.IsEmpty)
            {
                reader.Problem("Postgres:Connection", null, $"Namespaces:{name}:Durability=sql needs PostgreSQL in a cluster: SQLite is a file of one node", "Host=127.0.0.1;Username=relay;Database=relay");
            }

            if (space.Durability == Durability.Memory && name.Equals(ChannelName.Sessions, StringComparison.OrdinalIgnoreCase))
            {
                reader.Problem("Namespaces:sessions:Durability", "memory", "chat sessions of a cluster go from node to node, which their conversations survive with redis or sql", "redis");
            }
        }
    }

    private static ValueKind<string> Names(string example) => Kinds.Text.Called("text", example)
        .Unless(static text => text.Length <= 64 && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? null : "not up to 64 letters, digits, '-', '_' and '.'");
}
