namespace Relay.Protocol;

/// <summary>Whether a subscriber is present on its channel, and of what it wants to hear there.</summary>
public enum PresenceWish : byte
{
    /// <summary>Neither.</summary>
    None,

    /// <summary>Of every connection that joins or leaves.</summary>
    Connections,

    /// <summary>Of a user's first connection that joins and its last that leaves; of connections without a user one by one.</summary>
    Users,
}
