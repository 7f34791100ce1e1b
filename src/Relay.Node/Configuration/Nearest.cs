namespace Relay.Node.Configuration;

/// <summary>"Did you mean": the candidate with the fewest edits.</summary>
internal static class Nearest
{
    /// <summary>A clause to append to a refusal, or nothing when no candidate is near.</summary>
    public static string Hint(string text, IEnumerable<string> candidates) =>
        Find(text, candidates) is { } nearest ? $"; did you mean {nearest}?" : "";

    /// <summary>
    /// The nearest candidate. Near means at most a third of the letters wrong, at least two allowed; a candidate that only has
    /// more sections in front (<c>UnsentBytes</c> for <c>Limits:UnsentBytes</c>) counts as one edit.
    /// </summary>
    public static string? Find(string text, IEnumerable<string> candidates)
    {
        var allowed = Math.Max(2, text.Length / 3);
        string? nearest = null;
        foreach (var candidate in candidates)
        {
            var distance = candidate.EndsWith(":" + text, StringComparison.OrdinalIgnoreCase) ? 1 : Distance(text, candidate);
            if (distance <= allowed)
            {
                allowed = distance - 1;
                nearest = candidate;
            }
        }

        return nearest;
    }

    /// <summary>Levenshtein's distance, letter case aside.</summary>
    public static int Distance(string left, string right)
    {
        var row = new int[right.Length + 1];
        for (var j = 0; j <= right.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var same = char.ToUpperInvariant(left[i - 1]) == char.ToUpperInvariant(right[j - 1]);
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1)));
            }
        }

        return row[right.Length];
    }
}
