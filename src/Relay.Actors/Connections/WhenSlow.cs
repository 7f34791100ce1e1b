namespace Relay.Actors.Connections;

/// <summary>What happens to the events of a namespace when a client reads too slowly for them: guarantees.md 8.</summary>
public enum WhenSlow
{
    /// <summary>The connection ends with 1013; the client comes back and resumes.</summary>
    Disconnect,

    /// <summary>The oldest waiting events are dropped, ordinary ones before final states and errors, and the gap is told.</summary>
    DropOldest,

    /// <summary>Of the waiting events only the newest of each key is kept, and the gap is told; then as <see cref="DropOldest"/>.</summary>
    Conflate,
}
