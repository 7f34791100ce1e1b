using System.Collections.Frozen;

namespace Relay.Actors.Limits;

/// <summary>
/// The limits in force, as one value: whoever asks reads it once and sees old or new limits, never some of each. Immutable; 0 = no bound. By itself nothing is bounded,
/// which is what tests of other things want; the program's defaults stand in its configuration.
/// </summary>
public sealed record RelayLimits
{
    /// <summary>A reconnect storm of everybody behind one address is let through when it comes once.</summary>
    private static readonly TimeSpan HandshakeBurst = TimeSpan.FromSeconds(5);

    /// <summary>Senders are bursty: what they may send in two seconds may come at once.</summary>
    private static readonly TimeSpan SendBurst = TimeSpan.FromSeconds(2);

    /// <summary>No limits.</summary>
    public static RelayLimits None { get; } = new();

    /// <summary>TCP connections, and WebSockets and event streams that a trusted proxy brings, of one address.</summary>
    public int ConnectionsPerAddress { get; init; }

    /// <summary>WebSockets and event streams of one user: a token's subject, or an API key's name.</summary>
    public int ConnectionsPerUser { get; init; }

    /// <summary>Handshakes of the node.</summary>
    public int HandshakesPerSecond { get; init; }

    /// <summary>Handshakes of one address.</summary>
    public int HandshakesPerSecondPerAddress { get; init; }

    /// <summary>Whether private addresses count as any other, see <see cref="AddressKey.IsPrivate"/>.</summary>
    public bool CountPrivateAddresses { get; init; }

    /// <summary>Messages of one connection; beyond it is read later.</summary>
    public int FramesPerSecond { get; init; }

    /// <summary>Bytes of one connection; beyond it is read later.</summary>
    public int BytesPerSecond { get; init; }

    /// <summary>Publishes of one connection.</summary>
    public int PublishesPerSecondPerConnection { get; init; }

    /// <summary>Publishes of one user.</summary>
    public int PublishesPerSecondPerUser { get; init; }

    /// <summary>Publishes that come in on this node, by namespace; those without an entry have no bound.</summary>
    public FrozenDictionary<string, int> PublishesPerSecond { get; init; } = FrozenDictionary<string, int>.Empty;

    /// <summary>How long what comes in may wait for its turn, standing, before new work is refused; zero = for ever.</summary>
    public TimeSpan QueueDelay { get; init; }

    /// <summary>Bytes the process may use before new work is refused.</summary>
    public long MemoryBudget { get; init; }

    internal Rate Handshakes => new(HandshakesPerSecond, HandshakeBurst);

    internal Rate HandshakesOfAddress => new(HandshakesPerSecondPerAddress, HandshakeBurst);

    internal Rate Frames => new(FramesPerSecond, SendBurst);

    internal Rate Bytes => new(BytesPerSecond, SendBurst);

    internal Rate PublishesOfConnection => new(PublishesPerSecondPerConnection, SendBurst);

    internal Rate PublishesOfUser => new(PublishesPerSecondPerUser, SendBurst);

    internal Rate PublishesInto(string ns) => new(PublishesPerSecond.GetValueOrDefault(ns), SendBurst);

    internal bool BoundsReading => FramesPerSecond > 0 || BytesPerSecond > 0;

    internal bool BoundsPublishes => PublishesPerSecondPerConnection > 0 || PublishesPerSecondPerUser > 0 || PublishesPerSecond.Count > 0;
}
