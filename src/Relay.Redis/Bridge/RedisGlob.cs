namespace Relay.Redis.Bridge;

/// <summary>
/// The patterns of PSUBSCRIBE, byte by byte as Redis matches them (util.c, <c>stringmatchlen</c>): <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[^…]</c>, <c>\</c> before a byte
/// that means itself. Where Redis calls itself for each <c>*</c>, this goes back to the last one only, which finds the same matches without exponential time.
/// </summary>
internal static class RedisGlob
{
    /// <summary>True for a name in configuration that is meant as a pattern.</summary>
    public static bool IsPattern(string name) => name.AsSpan().IndexOfAny('*', '?', '[') >= 0;

    public static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        var (p, t) = (0, 0);
        var (starAt, starText) = (-1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (starAt, starText) = (p++, t);
                continue;
            }

            var next = p;
            if (p < pattern.Length && MatchesOne(pattern, ref next, text[t]))
            {
                (p, t) = (next, t + 1);
                continue;
            }

            if (starAt < 0)
            {
                return false;
            }

            // The last star takes one byte more.
            (p, t) = (starAt + 1, ++starText);
        }

        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }

        return p == pattern.Length;
    }

    /// <summary>Whether the element at <paramref name="p"/> takes the byte; <paramref name="p"/> is behind the element afterwards.</summary>
    private static bool MatchesOne(ReadOnlySpan<byte> pattern, ref int p, byte value)
    {
        switch (pattern[p])
        {
            case (byte)'?':
                p++;
                return true;
            case (byte)'[':
                return MatchesSet(pattern, ref p, value);
            case (byte)'\\' when p + 1 < pattern.Length:
                p += 2;
                return pattern[p - 1] == value;
            default:
                return pattern[p++] == value;
        }
    }

    // A set that is not closed ends with the pattern, as in Redis.
    private static bool MatchesSet(ReadOnlySpan<byte> pattern, ref int p, byte value)
    {
        p++;
        var negated = p < pattern.Length && pattern[p] == '^';
        if (negated)
        {
            p++;
        }

        var found = false;
        while (p < pattern.Length && pattern[p] != ']')
        {
            if (pattern[p] == '\\' && p + 1 < pattern.Length)
            {
                found |= pattern[p + 1] == value;
                p += 2;
            }
            else if (p + 2 < pattern.Length && pattern[p + 1] == '-')
            {
                var (low, high) = (Math.Min(pattern[p], pattern[p + 2]), Math.Max(pattern[p], pattern[p + 2]));
                found |= value >= low && value <= high;
                p += 3;
            }
            else
            {
                found |= pattern[p++] == value;
            }
        }

        p = Math.Min(p + 1, pattern.Length);
        return found != negated;
    }
}
