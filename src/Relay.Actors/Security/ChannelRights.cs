namespace Relay.Actors.Security;

/// <summary>What may be done with a channel.</summary>
[Flags]
public enum ChannelRights : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Hear its events as they come.</summary>
    Subscribe = 1,

    /// <summary>Publish events.</summary>
    Publish = 2,

    /// <summary>See who is present, be told who comes and goes, and be seen.</summary>
    Presence = 4,

    /// <summary>Read stored events, on their own or when subscribing (<c>since</c>, <c>last</c> …).</summary>
    History = 8,

    /// <summary>Everything that is not publishing.</summary>
    Read = Subscribe | Presence | History,
}

/// <summary>Who may do something with the channels of a namespace, where the token itself says nothing of channels.</summary>
public enum Access
{
    /// <summary>Every client that was let in.</summary>
    Anyone,

    /// <summary>Who showed a credential, and who the channel belongs to.</summary>
    Authenticated,

    /// <summary>Who the channel belongs to (<c>users/{id}</c>, <c>agents/{id}</c>, <c>sessions/{id}</c>), and services (API keys).</summary>
    Own,

    /// <summary>No client: services only (API keys, bridges).</summary>
    Nobody,
}
