namespace Relay.Redis.Resp;

/// <summary>Types of RESP2 and RESP3 values (github.com/redis/redis-specifications, protocol/RESP3.md) as a reader hands them out.</summary>
/// <remarks>Attributes carry hints about the value that follows them; they are read and dropped. Streamed types are refused.</remarks>
public enum RespKind : byte
{
    /// <summary><c>_</c>, <c>$-1</c> or <c>*-1</c>.</summary>
    Null,
    SimpleString,
    Error,
    Integer,
    BulkString,
    Array,
    Boolean,
    Double,
    BigNumber,
    BulkError,
    Verbatim,

    /// <summary>Keys and values alternate in <see cref="RedisValue.Items"/>.</summary>
    Map,
    Set,
    Push,
}
