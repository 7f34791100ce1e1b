using System.Globalization;

namespace Relay.Node.Configuration;

/// <summary>
/// Durations as people write them: <c>250ms</c>, <c>30s</c>, <c>5m</c>, <c>24h</c>, <c>7d</c>, or <c>[d.]hh:mm:ss[.fff]</c>.
/// A bare number other than 0 is refused: .NET would read <c>30</c> as thirty days.
/// </summary>
internal static class Durations
{
    // Longest suffix first: "ms" before "s" and "m".
    private static readonly (string Suffix, TimeSpan Unit)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)),
        ("s", TimeSpan.FromSeconds(1)),
        ("m", TimeSpan.FromMinutes(1)),
        ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    /// <summary>Null and the duration, or what is wrong.</summary>
    public static string? Parse(string text, out TimeSpan value)
    {
        const string Wrong = "not a duration; write 250ms, 30s, 5m, 24h, 7d or 00:00:30";
        value = default;
        var trimmed = text.AsSpan().Trim();
        if (trimmed.SequenceEqual("0"))
        {
            return null;
        }

        foreach (var (suffix, unit) in Units)
        {
            if (trimmed.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                return long.TryParse(trimmed[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                    && count <= TimeSpan.MaxValue.Ticks / unit.Ticks
                    ? Accept(TimeSpan.FromTicks(count * unit.Ticks), out value)
                    : Wrong;
            }
        }

        return trimmed.Contains(':') && TimeSpan.TryParse(trimmed, CultureInfo.InvariantCulture, out var span) && span >= TimeSpan.Zero
            ? Accept(span, out value)
            : Wrong;
    }

    /// <summary>The shortest of the forms above that says it exactly.</summary>
    public static string Format(TimeSpan value)
    {
        if (value == TimeSpan.Zero)
        {
            return "0";
        }

        for (var i = Units.Length - 1; i >= 0; i--)
        {
            var (suffix, unit) = Units[i];

            // 24h and 60s are what people say; 1d and 1m only from two of them on.
            if (value.Ticks % unit.Ticks == 0 && (value.Ticks / unit.Ticks > 1 || i == 0 || value == unit && i is 1 or 3))
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value.Ticks / unit.Ticks}{suffix}");
            }
        }

        return value.ToString("c", CultureInfo.InvariantCulture);
    }

    private static string? Accept(TimeSpan span, out TimeSpan value)
    {
        value = span;
        return null;
    }
}
