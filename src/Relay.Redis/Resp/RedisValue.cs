using System.Globalization;
using System.Text;

namespace Relay.Redis.Resp;

/// <summary>
/// One reply. Immutable, owns its memory (nothing points into a receive buffer), so it may be kept and passed between threads.
/// The conversions throw <see cref="RedisException"/> of kind Protocol when the reply has another shape than asked for.
/// </summary>
public readonly struct RedisValue
{
    private readonly object? _payload;
    private readonly long _bits;

    private RedisValue(RespKind kind, object? payload, long bits)
    {
        Kind = kind;
        _payload = payload;
        _bits = bits;
    }

    public RespKind Kind { get; }

    public static RedisValue Null => default;

    public bool IsNull => Kind == RespKind.Null;

    public bool IsError => Kind is RespKind.Error or RespKind.BulkError;

    public bool IsAggregate => Kind is RespKind.Array or RespKind.Map or RespKind.Set or RespKind.Push;

    /// <summary>Elements of an array, set or push; keys and values in turn of a map. Empty for null (a RESP2 null array) and nothing else.</summary>
    public ReadOnlySpan<RedisValue> Items =>
        IsAggregate ? (RedisValue[])_payload! : IsNull ? default(ReadOnlySpan<RedisValue>) : throw Mismatch("an aggregate");

    /// <summary>Bytes of a string of any kind; empty for null.</summary>
    public ReadOnlyMemory<byte> AsMemory() => Kind switch
    {
        RespKind.Null => default,
        RespKind.Verbatim => ((byte[])_payload!).AsMemory(4),
        _ when _payload is byte[] bytes => bytes,
        _ => throw Mismatch("a string"),
    };

    /// <summary>UTF-8 text of a string of any kind, or of a number; null for null.</summary>
    public string? AsString() => Kind switch
    {
        RespKind.Null => null,
        RespKind.Integer => _bits.ToString(CultureInfo.InvariantCulture),
        RespKind.Boolean => _bits != 0 ? "true" : "false",
        RespKind.Double => BitConverter.Int64BitsToDouble(_bits).ToString("R", CultureInfo.InvariantCulture),
        _ => Encoding.UTF8.GetString(AsMemory().Span),
    };

    /// <summary>An integer, also from a string of digits (Redis answers some counters so).</summary>
    public long AsInteger()
    {
        if (Kind is RespKind.Integer or RespKind.Boolean)
            return _bits;
        if (_payload is byte[] digits && long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return number;
        throw Mismatch("an integer");
    }

    public double AsDouble()
    {
        if (Kind == RespKind.Double)
            return BitConverter.Int64BitsToDouble(_bits);
        if (Kind == RespKind.Integer)
            return _bits;
        if (_payload is byte[] text && RespNumbers.TryParseDouble(text, out var number))
            return number;
        throw Mismatch("a number");
    }

    /// <summary>A RESP3 boolean, or the integers 0 and 1 by which RESP2 replies say the same.</summary>
    public bool AsBoolean() => Kind is RespKind.Boolean or RespKind.Integer ? _bits != 0 : throw Mismatch("a boolean");

    /// <summary>The value under a text key of a map (or of an array in which keys and values alternate); null value when absent.</summary>
    public RedisValue Field(ReadOnlySpan<byte> utf8Key)
    {
        var items = Items;
        for (var i = 0; i + 1 < items.Length; i += 2)
        {
            if (items[i]._payload is byte[] && items[i].AsMemory().Span.SequenceEqual(utf8Key))
                return items[i + 1];
        }

        return default;
    }

    /// <summary>Short text for logs and failures: the kind and a length, never the contents.</summary>
    public override string ToString() => _payload switch
    {
        byte[] bytes => $"{Kind}({bytes.Length} bytes)",
        RedisValue[] items => $"{Kind}({items.Length} elements)",
        _ => IsNull ? "Null" : $"{Kind}({AsString()})",
    };

    internal static RedisValue OfBytes(RespKind kind, byte[] bytes) => new(kind, bytes, 0);

    internal static RedisValue OfInteger(long value) => new(RespKind.Integer, null, value);

    internal static RedisValue OfBoolean(bool value) => new(RespKind.Boolean, null, value ? 1 : 0);

    internal static RedisValue OfDouble(double value) => new(RespKind.Double, null, BitConverter.DoubleToInt64Bits(value));

    internal static RedisValue OfItems(RespKind kind, RedisValue[] items) => new(kind, items, 0);

    private RedisException Mismatch(string wanted) => RedisException.Protocol($"expected {wanted}, the server sent {ToString()}");
}
