using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Relay.Redis;

/// <summary>
/// One argument of a command: text (sent as UTF-8), bytes or a number. A value on the stack; nothing is copied or allocated until it is written
/// into the connection's output buffer, which happens before the send method returns, so the bytes may be reused afterwards.
/// </summary>
public readonly struct RedisArg
{
    private static readonly object Number = new();

    // Throws on a lone surrogate. The lenient encoder would replace it and let two different keys become one.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly object? _text;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly long _number;

    private RedisArg(object? text, ReadOnlyMemory<byte> bytes, long number)
    {
        _text = text;
        _bytes = bytes;
        _number = number;
    }

    public static implicit operator RedisArg(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new RedisArg(text, default, 0);
    }

    public static implicit operator RedisArg(ReadOnlyMemory<byte> bytes) => new(null, bytes, 0);

    public static implicit operator RedisArg(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return new RedisArg(null, bytes, 0);
    }

    public static implicit operator RedisArg(long number) => new(Number, default, number);

    public static implicit operator RedisArg(int number) => new(Number, default, number);

    /// <summary>Text as it would be sent, for failures that name a command.</summary>
    public override string ToString() => _text switch
    {
        string text => text,
        null => $"{_bytes.Length} bytes",
        _ => _number.ToString(CultureInfo.InvariantCulture),
    };

    /// <exception cref="ArgumentException">The text holds a lone surrogate.</exception>
    internal int EncodedLength => _text switch
    {
        string text => StrictUtf8.GetByteCount(text),
        null => _bytes.Length,
        _ => Digits(_number),
    };

    internal int Encode(Span<byte> destination)
    {
        switch (_text)
        {
            case string text:
                return StrictUtf8.GetBytes(text, destination);
            case null:
                _bytes.Span.CopyTo(destination);
                return _bytes.Length;
            default:
                Utf8Formatter.TryFormat(_number, destination, out var written);
                return written;
        }
    }

    internal static int Digits(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out var written);
        return written;
    }
}
