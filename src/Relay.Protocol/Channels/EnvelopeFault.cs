namespace Relay.Protocol;

/// <summary>Why a bridge drops a message of a worker or of the database: counted by kind and logged (protocols.md, <c>updates</c>).</summary>
public enum EnvelopeFault
{
    /// <summary>Nothing is wrong.</summary>
    None,

    /// <summary>Not JSON, or not UTF-8.</summary>
    NotJson,

    /// <summary>JSON, but not an object.</summary>
    NotObject,

    /// <summary><c>target_user_id</c>, <c>target_session_id</c> or <c>target_project_id</c> is neither a string nor null.</summary>
    WrongTarget,

    /// <summary><c>type</c> is neither a string nor null, or the database's <c>event</c> is no well-formed name.</summary>
    WrongType,

    /// <summary><c>channel</c> is not a string, or not a valid channel name.</summary>
    InvalidChannel,

    /// <summary>A target's id does not fit a channel name.</summary>
    InvalidTarget,

    /// <summary><c>id</c> is neither a string nor a number of at most 256 bytes.</summary>
    InvalidId,

    /// <summary>Larger than its way into the relay takes.</summary>
    TooLarge,
}
