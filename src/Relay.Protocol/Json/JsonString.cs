using System.Buffers.Text;
using System.Text;

namespace Relay.Protocol;

/// <summary>Takes the escapes out of JSON strings.</summary>
internal static class JsonString
{
    // Stands for a lone surrogate. 0xFF occurs nowhere in UTF-8, so names that hold one are refused as invalid UTF-8,
    // and decoding to text makes it U+FFFD like any other invalid byte.
    private const byte LoneSurrogate = 0xFF;

    /// <summary>
    /// The text between the quotes as UTF-8: a slice of <paramref name="inner"/> when nothing is escaped, else a new array. A lone surrogate
    /// leaves a byte that is not valid UTF-8.
    /// </summary>
    public static ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> inner)
    {
        var at = inner.IndexOf((byte)'\\');
        if (at < 0)
        {
            return inner;
        }

        // Unescaped text is never longer than escaped text: \uXXXX is six bytes and stands for three at most.
        var text = new byte[inner.Length];
        var used = 0;
        while (at >= 0)
        {
            inner[..at].CopyTo(text.AsSpan(used));
            used += at;
            inner = inner[at..];
            used += TakeEscape(ref inner, text.AsSpan(used));
            at = inner.IndexOf((byte)'\\');
        }

        inner.CopyTo(text.AsSpan(used));
        return text.AsSpan(0, used + inner.Length);
    }

    private static int TakeEscape(ref ReadOnlySpan<byte> rest, Span<byte> output)
    {
        var kind = rest[1];
        if (kind != (byte)'u')
        {
            output[0] = kind switch
            {
                (byte)'b' => (byte)'\b',
                (byte)'f' => (byte)'\f',
                (byte)'n' => (byte)'\n',
                (byte)'r' => (byte)'\r',
                (byte)'t' => (byte)'\t',
                _ => kind,
            };
            rest = rest[2..];
            return 1;
        }

        var unit = Unit(rest);
        rest = rest[6..];
        if (Rune.TryCreate(unit, out var rune))
        {
            return rune.EncodeToUtf8(output);
        }

        if (rest.StartsWith("\\u"u8) && Rune.TryCreate(unit, Unit(rest), out rune))
        {
            rest = rest[6..];
            return rune.EncodeToUtf8(output);
        }

        output[0] = LoneSurrogate;
        return 1;
    }

    private static char Unit(ReadOnlySpan<byte> escape)
    {
        // The scanner has seen four hex digits here.
        _ = Utf8Parser.TryParse(escape.Slice(2, 4), out ushort unit, out _, 'x');
        return (char)unit;
    }
}
