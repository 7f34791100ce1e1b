namespace Relay.Node.Configuration;

/// <summary>Bounds per node and per connection. What happens at each bound stands at the key.</summary>
public sealed record LimitOptions
{
    /// <summary>Connections of the node; 0 = derived from the file limit.</summary>
    public int MaxConnections { get; init; }

    /// <summary>Channels one connection may be subscribed to.</summary>
    public int MaxSubscriptionsPerConnection { get; init; } = 1000;

    /// <summary>Bytes that may wait for one client that can resume.</summary>
    public int UnsentBytes { get; init; } = 1 << 20;

    /// <summary>Bytes that may wait for one client that cannot: it would lose for good what comes after the cut.</summary>
    public int UnsentBytesWithoutResume { get; init; } = 8 << 20;

    /// <summary>How long a native client's session can be taken up after its connection ended; zero = only while it lives.</summary>
    public TimeSpan SessionResumeWindow { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a message may remain incomplete.</summary>
    public TimeSpan MessageDeadline { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>From the connection's begin to the complete upgrade request, TLS included.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Publishes of one connection that wait for their acceptance; beyond it the connection is read no further.</summary>
    public int MaxInFlightPublishes { get; init; } = 1024;

    /// <summary>Body of one HTTP request.</summary>
    public int MaxRequestBodyBytes { get; init; } = 1 << 20;

    /// <summary>Connections of one remote address; 0 = no bound.</summary>
    public int MaxConnectionsPerAddress { get; init; } = 1000;

    /// <summary>WebSockets and event streams of one user; 0 = no bound.</summary>
    public int MaxConnectionsPerUser { get; init; } = 1000;

    /// <summary>Whether private addresses count as any other.</summary>
    public bool CountPrivateAddresses { get; init; }

    /// <summary>Handshakes of the node; 0 = no bound.</summary>
    public int HandshakesPerSecond { get; init; }

    /// <summary>Handshakes of one address; 0 = no bound.</summary>
    public int HandshakesPerSecondPerAddress { get; init; } = 200;

    /// <summary>Messages of one connection; 0 = no bound.</summary>
    public int FramesPerSecond { get; init; } = 20_000;

    /// <summary>Bytes of one connection; 0 = no bound.</summary>
    public int BytesPerSecond { get; init; } = 32 << 20;

    /// <summary>Publishes of one connection; 0 = no bound.</summary>
    public int PublishesPerSecondPerConnection { get; init; }

    /// <summary>Publishes of one user; 0 = no bound.</summary>
    public int PublishesPerSecondPerUser { get; init; }

    /// <summary>How long what comes in may wait; zero = for ever.</summary>
    public TimeSpan QueueDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Memory of the process; 0 = four fifths of what there is.</summary>
    public long MemoryBudget { get; init; }

    /// <summary>Frames of one message; 0 = as its size says.</summary>
    public int MaxFragments { get; init; }

    /// <summary>Bytes of one message after inflation; 0 = as its size says.</summary>
    public int InflatedBytes { get; init; }

    internal static LimitOptions Read(SettingReader reader)
    {
        var usual = new LimitOptions();
        return new LimitOptions
        {
            MaxConnections = reader.Read("Limits:MaxConnections", Kinds.Count(0, 1_000_000), usual.MaxConnections, "Connections of this node; beyond it new ones are refused; 0 = what the file limit allows, less 250."),
            MaxConnectionsPerAddress = reader.Read("Limits:MaxConnectionsPerAddress", Kinds.Count(0, 1_000_000), usual.MaxConnectionsPerAddress, "Connections of one remote address (IPv6: of one /64), HTTP included, as trusted proxies name it; beyond it 429; 0 = no bound."),
            MaxConnectionsPerUser = reader.Read("Limits:MaxConnectionsPerUser", Kinds.Count(0, 1_000_000), usual.MaxConnectionsPerUser, "WebSockets and event streams of one user (subject of a token, name of an API key) on this node; beyond it 429; 0 = no bound."),
            CountPrivateAddresses = reader.Read("Limits:CountPrivateAddresses", Kinds.Flag, usual.CountPrivateAddresses, "Whether this machine's and private networks' addresses count for the limits per address as any other: they are mostly proxies, balancers and one's own services."),
            HandshakesPerSecond = reader.Read("Limits:HandshakesPerSecond", Kinds.Count(0, 1_000_000), usual.HandshakesPerSecond, "New WebSockets and event streams of this node, five seconds' worth at once; beyond it 503; 0 = as many as QueueDelay allows."),
            HandshakesPerSecondPerAddress = reader.Read("Limits:HandshakesPerSecondPerAddress", Kinds.Count(0, 1_000_000), usual.HandshakesPerSecondPerAddress, "The same of one address, refused ones included; beyond it 429; 0 = no bound."),
            MaxSubscriptionsPerConnection = reader.Read("Limits:MaxSubscriptionsPerConnection", Kinds.Count(1, 1_000_000), usual.MaxSubscriptionsPerConnection, "Channels one connection may be subscribed to; beyond it the subscribe is refused."),
            UnsentBytes = reader.Read("Limits:UnsentBytes", Kinds.Size(4096, 1 << 30), usual.UnsentBytes, "Bytes that may wait for one slow native client; beyond it the namespace's WhenSlow."),
            UnsentBytesWithoutResume = reader.Read("Limits:UnsentBytesWithoutResume", Kinds.Size(4096, 1 << 30), usual.UnsentBytesWithoutResume, "The same for clients of the other dialects, which cannot resume."),
            SessionResumeWindow = reader.Read("Limits:SessionResumeWindow", Kinds.DurationOrNone(TimeSpan.FromSeconds(1), TimeSpan.FromHours(24)), usual.SessionResumeWindow, "How long a native client can take up its session by token after its connection ended; 0 = only while the old connection still lives."),
            MessageDeadline = reader.Read("Limits:MessageDeadline", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)), usual.MessageDeadline, "How long a message may remain incomplete; beyond it 1008."),
            HandshakeTimeout = reader.Read("Limits:HandshakeTimeout", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2)), usual.HandshakeTimeout, "From the connection's begin to the complete request head; beyond it the connection is dropped."),
            MaxInFlightPublishes = reader.Read("Limits:MaxInFlightPublishes", Kinds.Count(1, 100_000), usual.MaxInFlightPublishes, "Publishes of one connection that wait for acceptance; beyond it the client is read no further."),
            FramesPerSecond = reader.Read("Limits:FramesPerSecond", Kinds.Count(0, 10_000_000), usual.FramesPerSecond, "Messages of one connection, two seconds' worth at once; one that sends more is read later, nothing is lost; 0 = no bound."),
            BytesPerSecond = reader.Read("Limits:BytesPerSecond", Kinds.SizeOrNone(16 << 10, 1 << 30), usual.BytesPerSecond, "Bytes of one connection, in the same way; 0 = no bound."),
            PublishesPerSecondPerConnection = reader.Read("Limits:PublishesPerSecondPerConnection", Kinds.Count(0, 10_000_000), usual.PublishesPerSecondPerConnection, "Publishes of one connection, two seconds' worth at once; beyond it RATE_LIMITED, or read later where the client cannot be told; 0 = no bound."),
            PublishesPerSecondPerUser = reader.Read("Limits:PublishesPerSecondPerUser", Kinds.Count(0, 10_000_000), usual.PublishesPerSecondPerUser, "Publishes of one user on this node, over WebSockets and HTTP together, in the same way; 0 = no bound."),
            QueueDelay = reader.Read("Limits:QueueDelay", Kinds.DurationOrNone(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10)), usual.QueueDelay, "How long what comes in may wait for its turn, standing, before the publishes of those who send most are refused (UNAVAILABLE), and from ten times that on new connections (503); 0 = never."),
            MemoryBudget = reader.Read("Limits:MemoryBudget", Kinds.LongSize(64 << 20), usual.MemoryBudget, "Memory of the process: from nine tenths on no new connections, from all of it on no new publishes and subscriptions; 0 = four fifths of the container's or machine's."),
            MaxFragments = reader.Read("Limits:MaxFragments", Kinds.Count(0, 10_000_000), usual.MaxFragments, "Frames of one message, empty ones included; beyond it 1008; 0 = 1024, or one per 64 bytes of the dialect's MaxMessageBytes if that is more."),
            InflatedBytes = reader.Read("Limits:InflatedBytes", Kinds.Size(0, 64 << 20), usual.InflatedBytes, "Bytes of one message after inflation; beyond it 1009; 0 = the dialect's MaxMessageBytes."),
            MaxRequestBodyBytes = reader.Read("Limits:MaxRequestBodyBytes", Kinds.Size(1024, 64 << 20), usual.MaxRequestBodyBytes, "Body of one HTTP request; beyond it 413."),
        };
    }
}
