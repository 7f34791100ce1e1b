namespace Relay.Protocol;

/// <summary>
/// Instants on the wire: written as UTC with six digits and <c>Z</c> (hooks, webui), read by the grammar of RFC 3339 section 5.6 (webui).
/// </summary>
internal static class InstantText
{
    /// <summary>Length of the written form in bytes: <c>2026-01-31T12:00:00.000000Z</c>.</summary>
    public const int Length = 27;

    /// <summary>Writes the <see cref="Length"/> bytes. Instants outside the years 1 to 9999 are moved to the nearest one inside.</summary>
    public static void Write(long micros, Span<byte> destination)
    {
        var lowest = (DateTime.MinValue.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        var highest = (DateTime.MaxValue.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        var instant = DateTime.UnixEpoch.AddTicks(Math.Clamp(micros, lowest, highest) * TimeSpan.TicksPerMicrosecond);

        // By hand: a custom format string costs more than the rest of the frame.
        "0000-00-00T00:00:00.000000Z"u8.CopyTo(destination);
        WriteDigits(destination[..4], instant.Year);
        WriteDigits(destination.Slice(5, 2), instant.Month);
        WriteDigits(destination.Slice(8, 2), instant.Day);
        WriteDigits(destination.Slice(11, 2), instant.Hour);
        WriteDigits(destination.Slice(14, 2), instant.Minute);
        WriteDigits(destination.Slice(17, 2), instant.Second);
        WriteDigits(destination.Slice(20, 6), (int)(instant.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>
    /// True for a date-time of RFC 3339: <c>T</c> and <c>Z</c> in either case, any number of fraction digits, second 60 allowed.
    /// </summary>
    public static bool IsRfc3339(ReadOnlySpan<byte> text)
    {
        if (text.Length < 20
            || text[4] != (byte)'-' || text[7] != (byte)'-' || (text[10] | 0x20) != (byte)'t' || text[13] != (byte)':' || text[16] != (byte)':'
            || !TryDigits(text[..4], out var year) || !TryDigits(text.Slice(5, 2), out var month) || !TryDigits(text.Slice(8, 2), out var day)
            || !TryDigits(text.Slice(11, 2), out var hour)
            || !TryDigits(text.Slice(14, 2), out var minute)
            || !TryDigits(text.Slice(17, 2), out var second))
        {
            return false;
        }

        // Year 0 is a leap year in the proleptic calendar, as is year 4; DateTime begins at 1.
        return month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year == 0 ? 4 : year, month)
            && hour <= 23 && minute <= 59 && second <= 60
            && IsOffset(SkipFraction(text[19..]));
    }

    private static ReadOnlySpan<byte> SkipFraction(ReadOnlySpan<byte> rest)
    {
        if (rest[0] != (byte)'.')
        {
            return rest;
        }

        var end = rest[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return end <= 0 ? default : rest[(end + 1)..];
    }

    private static bool IsOffset(ReadOnlySpan<byte> rest)
    {
        if (rest.Length == 1)
        {
            return (rest[0] | 0x20) == (byte)'z';
        }

        return rest.Length == 6 && rest[0] is (byte)'+' or (byte)'-' && rest[3] == (byte)':'
            && TryDigits(rest.Slice(1, 2), out var hours) && hours <= 23 && TryDigits(rest.Slice(4, 2), out var minutes) && minutes <= 59;
    }

    private static void WriteDigits(Span<byte> destination, int value)
    {
        for (var i = destination.Length - 1; i >= 0; i--)
        {
            (value, var digit) = Math.DivRem(value, 10);
            destination[i] = (byte)('0' + digit);
        }
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            value = (value * 10) + (digit - '0');
        }

        return true;
    }
}
