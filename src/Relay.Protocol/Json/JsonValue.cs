using System.Buffers.Text;
using System.Text;

namespace Relay.Protocol;

/// <summary>What a JSON value is.</summary>
internal enum JsonKind
{
    /// <summary>There is no value.</summary>
    Absent,

    /// <summary><c>null</c></summary>
    Null,

    /// <summary><c>true</c> or <c>false</c></summary>
    Boolean,

    /// <summary>A number of any size.</summary>
    Number,

    /// <summary>A string.</summary>
    String,

    /// <summary>An array.</summary>
    Array,

    /// <summary>An object.</summary>
    Object,
}

/// <summary>One JSON value inside a frame that the scanner has found to be well-formed: a slice, read only when somebody asks.</summary>
internal readonly ref struct JsonValue
{
    /// <summary>Wraps the value's bytes; <paramref name="start"/> is where they stand in the frame.</summary>
    public JsonValue(ReadOnlySpan<byte> raw, int start)
    {
        Raw = raw;
        Start = start;
    }

    /// <summary>The value, byte for byte; empty when absent.</summary>
    public ReadOnlySpan<byte> Raw { get; }

    /// <summary>Index of the first byte in the frame.</summary>
    public int Start { get; }

    /// <summary>What it is.</summary>
    public JsonKind Kind => Raw.IsEmpty
        ? JsonKind.Absent
        : Raw[0] switch
        {
            (byte)'"' => JsonKind.String,
            (byte)'{' => JsonKind.Object,
            (byte)'[' => JsonKind.Array,
            (byte)'n' => JsonKind.Null,
            (byte)'t' or (byte)'f' => JsonKind.Boolean,
            _ => JsonKind.Number,
        };

    /// <summary>True when it is a string.</summary>
    public bool IsString => !Raw.IsEmpty && Raw[0] == (byte)'"';

    /// <summary>True when there is none, or <c>null</c>.</summary>
    public bool IsMissing => Raw.IsEmpty || Raw[0] == (byte)'n';

    /// <summary>True when there is none, or <c>null</c>, or a string: what an optional text may be.</summary>
    public bool IsOptionalString => IsMissing || IsString;

    /// <summary>As <see cref="IsOptionalString"/>, but without lone surrogates: two names that differ must not become one through U+FFFD.</summary>
    public bool IsOptionalName => IsMissing || (IsString && System.Text.Unicode.Utf8.IsValid(Utf8));

    /// <summary>True for <c>true</c>.</summary>
    public bool IsTrue => !Raw.IsEmpty && Raw[0] == (byte)'t';

    /// <summary>A string's text as UTF-8, without escapes; see <see cref="JsonString.Unescape"/>. Empty for anything else.</summary>
    public ReadOnlySpan<byte> Utf8 => IsString ? JsonString.Unescape(Raw[1..^1]) : default;

    /// <summary>A string's text, lone surrogates as U+FFFD; empty for anything else.</summary>
    public string Text => Encoding.UTF8.GetString(Utf8);

    /// <summary>A string's text, or null when it is empty or there is no string.</summary>
    public string? TextOrNull
    {
        get
        {
            var utf8 = Utf8;
            return utf8.IsEmpty ? null : Encoding.UTF8.GetString(utf8);
        }
    }

    /// <summary>The value as an integer: digits only, no fraction, no exponent, within 64 bits.</summary>
    public bool TryGetInteger(out long value) => Utf8Parser.TryParse(Raw, out value, out var used) && used == Raw.Length && Raw.Length > 0;

    /// <summary>The value as an integer moved to the nearest 32-bit one; false when it is not written as an integer.</summary>
    public bool TryGetClamped(out int value)
    {
        value = 0;
        if (Kind != JsonKind.Number || Raw.IndexOfAny((byte)'.', (byte)'e', (byte)'E') >= 0)
        {
            return false;
        }

        var ends = Raw[0] == (byte)'-' ? int.MinValue : int.MaxValue;
        value = TryGetInteger(out var wide) ? (int)Math.Clamp(wide, int.MinValue, int.MaxValue) : ends;
        return true;
    }

    /// <summary>True for a number that is zero however it is written (<c>0</c>, <c>-0.0</c>, <c>0e9</c>): what JavaScript calls falsy.</summary>
    public bool IsZero
    {
        get
        {
            if (Kind != JsonKind.Number)
            {
                return false;
            }

            var exponent = Raw.IndexOfAny((byte)'e', (byte)'E');
            var mantissa = exponent < 0 ? Raw : Raw[..exponent];
            return mantissa.IndexOfAnyInRange((byte)'1', (byte)'9') < 0;
        }
    }

    /// <summary>A copy of the bytes that outlives the frame; empty when absent.</summary>
    public ReadOnlyMemory<byte> Copy() => Raw.IsEmpty ? default : Raw.ToArray();
}
