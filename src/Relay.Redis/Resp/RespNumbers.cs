using System.Globalization;

namespace Relay.Redis.Resp;

/// <summary>Numbers as RESP3 writes them.</summary>
internal static class RespNumbers
{
    /// <summary>
    /// Length of a string or aggregate: digits only, or <c>-1</c> where RESP2 writes null that way.
    /// Signs, blanks and leading garbage are refused, <c>?</c> (streamed types) as well.
    /// </summary>
    public static long ParseLength(ReadOnlySpan<byte> line, bool nullable)
    {
        if (nullable && line.SequenceEqual("-1"u8))
            return -1;
        // 10 digits hold every length below the largest possible limit (int.MaxValue) and cannot overflow a long.
        if (line.Length is 0 or > 10)
            throw BadLength(line);
        long length = 0;
        foreach (var c in line)
        {
            if (c is < (byte)'0' or > (byte)'9')
                throw BadLength(line);
            length = (length * 10) + (c - '0');
        }

        return length;
    }

    public static long ParseInteger(ReadOnlySpan<byte> line) =>
        long.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw RedisException.Protocol($"'{RespText.Printable(line)}' is not an integer");

    public static bool TryParseDouble(ReadOnlySpan<byte> text, out double value)
    {
        if (text.SequenceEqual("inf"u8) || text.SequenceEqual("+inf"u8))
            value = double.PositiveInfinity;
        else if (text.SequenceEqual("-inf"u8))
            value = double.NegativeInfinity;
        else if (text.SequenceEqual("nan"u8))
            value = double.NaN;
        else
            return double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value);
        return true;
    }

    /// <summary>An integer of any size stays text; here only its form is checked.</summary>
    public static bool IsBigNumber(ReadOnlySpan<byte> line)
    {
        if (line.Length > 0 && line[0] is (byte)'-' or (byte)'+')
            line = line[1..];
        return line.Length > 0 && !line.ContainsAnyExceptInRange((byte)'0', (byte)'9');
    }

    private static RedisException BadLength(ReadOnlySpan<byte> line) =>
        RedisException.Protocol($"'{RespText.Printable(line)}' is not a length");
}
