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

    internal static LimitOptions Read(SettingReader reader)
    {
        var usual = new LimitOptions();
        _ = reader.Read("Limits:MaxConnectionsPerAddress", Kinds.NotYet(Kinds.Count(0, 1_000_000), 0, "bound all connections with Limits:MaxConnections"), 0, "Connections of one remote address; 0 = no bound. Not available yet.");
        _ = reader.Read("Limits:MaxFragments", Kinds.NotYet(Kinds.Count(0, 10_000_000), 0, "it follows the dialect's MaxMessageBytes"), 0, "Frames of one message, empty ones included; beyond it 1008; 0 = 1024, or one per 64 bytes of the dialect's MaxMessageBytes if that is more. Not adjustable yet.");
        _ = reader.Read("Limits:InflatedBytes", Kinds.NotYet(Kinds.Size(0, 64 << 20), 0, "it is the dialect's MaxMessageBytes"), 0, "Bytes of one message after inflation; beyond it 1009; 0 = the dialect's MaxMessageBytes. Not adjustable yet.");
        return new LimitOptions
        {
            MaxConnections = reader.Read("Limits:MaxConnections", Kinds.Count(0, 1_000_000), usual.MaxConnections, "Connections of this node; beyond it new ones are refused; 0 = what the file limit allows, less 250."),
            MaxSubscriptionsPerConnection = reader.Read("Limits:MaxSubscriptionsPerConnection", Kinds.Count(1, 1_000_000), usual.MaxSubscriptionsPerConnection, "Channels one connection may be subscribed to; beyond it the subscribe is refused."),
            UnsentBytes = reader.Read("Limits:UnsentBytes", Kinds.Size(4096, 1 << 30), usual.UnsentBytes, "Bytes that may wait for one slow native client; beyond it the namespace's WhenSlow."),
            UnsentBytesWithoutResume = reader.Read("Limits:UnsentBytesWithoutResume", Kinds.Size(4096, 1 << 30), usual.UnsentBytesWithoutResume, "The same for clients of the other dialects, which cannot resume."),
            SessionResumeWindow = reader.Read("Limits:SessionResumeWindow", Kinds.DurationOrNone(TimeSpan.FromSeconds(1), TimeSpan.FromHours(24)), usual.SessionResumeWindow, "How long a native client can take up its session by token after its connection ended; 0 = only while the old connection still lives."),
            MessageDeadline = reader.Read("Limits:MessageDeadline", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)), usual.MessageDeadline, "How long a message may remain incomplete; beyond it 1008."),
            HandshakeTimeout = reader.Read("Limits:HandshakeTimeout", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2)), usual.HandshakeTimeout, "From the connection's begin to the complete request head; beyond it the connection is dropped."),
            MaxInFlightPublishes = reader.Read("Limits:MaxInFlightPublishes", Kinds.Count(1, 100_000), usual.MaxInFlightPublishes, "Publishes of one connection that wait for acceptance; beyond it the client is read no further."),
            MaxRequestBodyBytes = reader.Read("Limits:MaxRequestBodyBytes", Kinds.Size(1024, 64 << 20), usual.MaxRequestBodyBytes, "Body of one HTTP request; beyond it 413."),
        };
    }
}
