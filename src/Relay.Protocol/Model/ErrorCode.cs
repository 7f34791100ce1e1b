namespace Relay.Protocol;

/// <summary>
/// Why a request was refused, one meaning for all dialects; each dialect has its own words for it (protocols.md). A native client reads
/// the code's name in upper snake case and decides from it alone whether trying again can help.
/// </summary>
public enum ErrorCode
{
    /// <summary>Not JSON, or a field of a wrong type.</summary>
    ParseError,

    /// <summary>No message of this <c>type</c>.</summary>
    UnknownMessageType,

    /// <summary>A field that must be there is missing.</summary>
    InvalidMessage,

    /// <summary>The channel name breaks the naming rule.</summary>
    InvalidChannel,

    /// <summary>The event may not be published through this dialect.</summary>
    InvalidEvent,

    /// <summary>The client has no right to the channel or the act.</summary>
    NotAuthorized,

    /// <summary><c>context</c> 4001: invalid or expired token.</summary>
    InvalidToken,

    /// <summary><c>context</c> 4002: a token is required.</summary>
    TokenRequired,

    /// <summary><c>context</c> 4003: neither token nor agent_id.</summary>
    MissingCredentials,

    /// <summary><c>webui</c>: unreadable session_create.</summary>
    InvalidSessionCreate,

    /// <summary><c>webui</c>: unreadable session_join.</summary>
    InvalidSessionJoin,

    /// <summary><c>webui</c>: unreadable chat_message.</summary>
    InvalidChatMessage,

    /// <summary>The session is unknown or expired.</summary>
    SessionNotFound,

    /// <summary>A chat message before any session.</summary>
    NoSession,

    /// <summary>A limit on connections or subscriptions is reached.</summary>
    ConnectionLimit,

    /// <summary>Too many requests; later helps.</summary>
    RateLimited,

    /// <summary>The owner of the channel cannot be reached now; later helps.</summary>
    Unavailable,

    /// <summary>The payload is larger than the namespace allows.</summary>
    TooLarge,

    /// <summary>No answer within the time limit.</summary>
    Timeout,

    /// <summary>A bug on our side; the log has it.</summary>
    InternalError,

    /// <summary>Native protobuf: the payload is not one JSON value.</summary>
    InvalidData,

    /// <summary>Native: the key of a versioned publish is not at the version expected; nothing was accepted.</summary>
    VersionMismatch,
}
