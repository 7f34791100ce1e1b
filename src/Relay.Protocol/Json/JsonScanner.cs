using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// Walks over JSON (RFC 8259) without building anything and without exceptions: every step returns the index behind what it read, or -1.
/// <para>
/// Why not <c>Utf8JsonReader</c>: it reports bad input by throwing, and one exception costs more than a hundred good frames, so a client that
/// sends garbage would be served best. The grammar is as strict as that reader's (no BOM, no comments, no trailing commas, depth 64); a test
/// compares the two. The bytes are taken to be valid UTF-8. Escapes are checked for form only: a lone surrogate such as <c>"\ud800"</c> is
/// good JSON by the grammar, JavaScript and Python send it, and payloads pass through as they are.
/// </para>
/// </summary>
internal static class JsonScanner
{
    /// <summary>Deepest nesting of arrays and objects (reliability.md, S21).</summary>
    public const int MaxDepth = 64;

    // What ends a run of plain characters inside a string: the quote, an escape, or a control character, which is an error.
    private static readonly SearchValues<byte> StringStops =
        SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(static i => (byte)i)]);

    /// <summary>Index of the first byte at or after <paramref name="at"/> that is no white space; the length at the end.</summary>
    public static int SkipSpace(ReadOnlySpan<byte> json, int at)
    {
        while (at < json.Length && json[at] is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r')
        {
            at++;
        }

        return at;
    }

    /// <summary>True when <paramref name="json"/> is exactly one JSON value, with white space around it or not.</summary>
    public static bool IsValue(ReadOnlySpan<byte> json)
    {
        var end = SkipValue(json, SkipSpace(json, 0), depth: 0);
        return end >= 0 && SkipSpace(json, end) == json.Length;
    }

    /// <summary>Skips the value that begins at <paramref name="at"/>, inside <paramref name="depth"/> open containers.</summary>
    public static int SkipValue(ReadOnlySpan<byte> json, int at, int depth)
    {
        // One bit per open container, the innermost lowest: 1 = object. 64 levels fit.
        ulong objects = 0;
        var open = 0;
        while (true)
        {
            if (at >= json.Length)
            {
                return -1;
            }

            var first = json[at];
            if (first is (byte)'{' or (byte)'[')
            {
                if (depth + open >= MaxDepth)
                {
                    return -1;
                }

                open++;
                objects = (objects << 1) | (first == (byte)'{' ? 1UL : 0UL);
                at = SkipSpace(json, at + 1);
                if (at >= json.Length)
                {
                    return -1;
                }

                // '{' + 2 = '}' and '[' + 2 = ']' in ASCII.
                if (json[at] != first + 2)
                {
                    if (first == (byte)'{' && (at = SkipName(json, at)) < 0)
                    {
                        return -1;
                    }

                    continue;
                }
            }
            else
            {
                at = SkipScalar(json, at);
                if (at < 0 || open == 0)
                {
                    return at;
                }

                at = SkipSpace(json, at);
            }

            at = CloseContainers(json, at, ref objects, ref open);
            if (at < 0 || open == 0)
            {
                return at;
            }
        }
    }

    /// <summary>Skips a string whose opening quote is at <paramref name="at"/>.</summary>
    public static int SkipString(ReadOnlySpan<byte> json, int at)
    {
        at++;
        while (true)
        {
            var stop = json[at..].IndexOfAny(StringStops);
            if (stop < 0)
            {
                return -1;
            }

            at += stop;
            if (json[at] == (byte)'"')
            {
                return at + 1;
            }

            if (json[at] != (byte)'\\' || (at = SkipEscape(json, at)) < 0)
            {
                return -1;
            }
        }
    }

    // Reads on behind a value inside a container: closes what ends here, then stands on the next value. The index is that of
    // the value, or behind the outermost container when all are closed.
    private static int CloseContainers(ReadOnlySpan<byte> json, int at, ref ulong objects, ref int open)
    {
        while (true)
        {
            if (at >= json.Length)
            {
                return -1;
            }

            var inObject = (objects & 1) != 0;
            if (json[at] == (byte)',')
            {
                at = SkipSpace(json, at + 1);
                return inObject ? SkipName(json, at) : at;
            }

            if (json[at] != (inObject ? (byte)'}' : (byte)']'))
            {
                return -1;
            }

            at++;
            objects >>= 1;
            if (--open == 0)
            {
                return at;
            }

            at = SkipSpace(json, at);
        }
    }

    private static int SkipName(ReadOnlySpan<byte> json, int at)
    {
        if (at >= json.Length || json[at] != (byte)'"' || (at = SkipString(json, at)) < 0)
        {
            return -1;
        }

        at = SkipSpace(json, at);
        return at < json.Length && json[at] == (byte)':' ? SkipSpace(json, at + 1) : -1;
    }

    private static int SkipScalar(ReadOnlySpan<byte> json, int at) => json[at] switch
    {
        (byte)'"' => SkipString(json, at),
        (byte)'t' => SkipWord(json, at, "true"u8),
        (byte)'f' => SkipWord(json, at, "false"u8),
        (byte)'n' => SkipWord(json, at, "null"u8),
        _ => SkipNumber(json, at),
    };

    private static int SkipWord(ReadOnlySpan<byte> json, int at, ReadOnlySpan<byte> word) => json[at..].StartsWith(word) ? at + word.Length : -1;

    private static int SkipNumber(ReadOnlySpan<byte> json, int at)
    {
        if (json[at] == (byte)'-')
        {
            at++;
        }

        var digits = SkipDigits(json, at);
        if (digits == at || (json[at] == (byte)'0' && digits > at + 1))
        {
            return -1;
        }

        at = digits;
        if (at < json.Length && json[at] == (byte)'.')
        {
            digits = SkipDigits(json, at + 1);
            if (digits == at + 1)
            {
                return -1;
            }

            at = digits;
        }

        if (at < json.Length && json[at] is (byte)'e' or (byte)'E')
        {
            at++;
            if (at < json.Length && json[at] is (byte)'+' or (byte)'-')
            {
                at++;
            }

            digits = SkipDigits(json, at);
            return digits == at ? -1 : digits;
        }

        return at;
    }

    private static int SkipDigits(ReadOnlySpan<byte> json, int at)
    {
        while (at < json.Length && json[at] is >= (byte)'0' and <= (byte)'9')
        {
            at++;
        }

        return at;
    }

    private static int SkipEscape(ReadOnlySpan<byte> json, int at)
    {
        if (at + 1 >= json.Length)
        {
            return -1;
        }

        switch (json[at + 1])
        {
            case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                return at + 2;
            case (byte)'u' when at + 6 <= json.Length:
                foreach (var digit in json.Slice(at + 2, 4))
                {
                    if (!char.IsAsciiHexDigit((char)digit))
                    {
                        return -1;
                    }
                }

                return at + 6;
            default:
                return -1;
        }
    }
}
