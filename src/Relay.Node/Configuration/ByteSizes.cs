using System.Globalization;

namespace Relay.Node.Configuration;

/// <summary>Sizes in bytes: <c>1MiB</c>, <c>64KiB</c>, <c>2GiB</c> (1024), <c>64kB</c>, <c>1MB</c>, <c>1GB</c> (1000), <c>512</c> or <c>512B</c>.</summary>
internal static class ByteSizes
{
    // Longest suffix first: "KiB" and "kB" before "B".
    private static readonly (string Suffix, long Unit)[] Units =
    [
        ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
        ("B", 1), ("", 1),
    ];

    /// <summary>Null and the size, or what is wrong.</summary>
    public static string? Parse(string text, out long value)
    {
        var trimmed = text.AsSpan().Trim();
        foreach (var (suffix, unit) in Units)
        {
            if (!trimmed.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (long.TryParse(trimmed[..^suffix.Length].TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count <= long.MaxValue / unit)
            {
                value = count * unit;
                return null;
            }

            break;
        }

        value = 0;
        return "not a size; write 1MiB, 64KiB or a number of bytes";
    }

    /// <summary>In the largest binary unit that divides it.</summary>
    public static string Format(long value)
    {
        for (var i = 0; i < 3 && value > 0; i++)
        {
            if (value % Units[i].Unit == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value / Units[i].Unit}{Units[i].Suffix}");
            }
        }

        return value.ToString(CultureInfo.InvariantCulture);
    }
}
