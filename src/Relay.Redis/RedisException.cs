namespace Relay.Redis;

/// <summary>What went wrong, as far as a caller has to tell cases apart.</summary>
public enum RedisErrorKind
{
    /// <summary>
    /// No usable connection. A command that was in flight when the connection broke fails with this kind as well:
    /// whether the server executed it is then unknown, and nothing is re-sent on its own.
    /// </summary>
    Unavailable,

    /// <summary>No answer in time. Whether the server executed the command is unknown.</summary>
    Timeout,

    /// <summary>The server answered with an error; <see cref="RedisException.Code"/> holds its first word.</summary>
    ServerError,

    /// <summary>The queue of unanswered commands is full (by count or by bytes). The command was not sent.</summary>
    Overloaded,

    /// <summary>What came over the wire is not RESP, or not an answer to what was asked.</summary>
    Protocol,

    /// <summary>The client was disposed.</summary>
    Closed,
}

/// <summary>The only exception this client throws for trouble with a server.</summary>
public sealed class RedisException : Exception
{
    public RedisException(RedisErrorKind kind, string message, Exception? inner = null, string? code = null)
        : base(message, inner)
    {
        Kind = kind;
        Code = code;
    }

    public RedisErrorKind Kind { get; }

    /// <summary>
    /// First word of a server error in capitals (<c>WRONGPASS</c>, <c>NOAUTH</c>, <c>OOM</c>, <c>READONLY</c>, <c>NOSCRIPT</c>, <c>MOVED</c>, <c>ERR</c>, …);
    /// null for every other kind.
    /// </summary>
    public string? Code { get; }

    /// <summary>The server is a replica, so none of the connections to it is of use.</summary>
    internal bool IsReplica { get; init; }

    /// <summary>Makes the exception for an error reply, for example <c>WRONGPASS invalid username-password pair</c>.</summary>
    public static RedisException FromServer(string reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        var space = reply.IndexOf(' ', StringComparison.Ordinal);
        var first = space < 0 ? reply : reply[..space];
        return new RedisException(RedisErrorKind.ServerError, reply, code: IsCode(first) ? first : "ERR");
    }

    internal static RedisException Protocol(string message) => new(RedisErrorKind.Protocol, message);

    private static bool IsCode(string word) => word.Length > 0 && !word.AsSpan().ContainsAnyExcept(CodeCharacters);

    private static readonly System.Buffers.SearchValues<char> CodeCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}
