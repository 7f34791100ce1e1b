using System.Globalization;
using System.Net;

namespace Relay.Node.Configuration;

/// <summary>The kinds of values that the relay's settings use.</summary>
internal static class Kinds
{
    /// <summary>Any text, blanks around it removed.</summary>
    public static ValueKind<string> Text { get; } = new("text", "text", ParseText, value => value);

    /// <summary>A text that is never shown.</summary>
    public static ValueKind<Secret> Secret { get; } =
        new("secret", Configuration.Secret.Mask, ParseSecret, value => value.ToString()) { Show = _ => Configuration.Secret.Mask };

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public static ValueKind<bool> Flag { get; } = new("true, false", "true", ParseFlag, value => value ? "true" : "false");

    /// <summary>Several texts, separated by commas.</summary>
    public static ValueKind<IReadOnlyList<string>> Texts { get; } =
        new("list", "one,two", ParseTexts, value => string.Join(',', value));

    /// <summary>An absolute http or https address.</summary>
    public static ValueKind<string> HttpUrl { get; } = Text.Called("url", "http://127.0.0.1:9000/agent").Unless(text =>
        text.Length == 0 || (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            ? null
            : "not an absolute http:// or https:// address") with
    { Show = HideUserInfo };

    /// <summary>Addresses that begin alike, e.g. <c>10.0.0.0/8</c>.</summary>
    public static ValueKind<IPNetwork> Network { get; } = new(
        "network",
        "10.0.0.0/8",
        (string text, out IPNetwork value) => IPNetwork.TryParse(text.Trim(), out value) ? null : "not a network such as 10.0.0.0/8, whose bits behind the slash's number are zero",
        value => value.ToString());

    /// <summary>A whole number between the two, both included.</summary>
    public static ValueKind<int> Count(int least, int most) => new(
        "number",
        least.ToString(CultureInfo.InvariantCulture),
        (string text, out int value) =>
            int.TryParse(text.AsSpan().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= least && value <= most
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"not a whole number from {least} to {most}"),
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A part of the whole, 0 to 1.</summary>
    public static ValueKind<double> Share { get; } = new(
        "share",
        "0.01",
        (string text, out double value) => double.TryParse(text.AsSpan().Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value) && value is >= 0 and <= 1
            ? null
            : "not a number from 0 to 1",
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A size in bytes between the two, both included.</summary>
    public static ValueKind<int> Size(int least, int most) => new(
        "size",
        ByteSizes.Format(most),
        (string text, out int value) =>
        {
            var wrong = ByteSizes.Parse(text, out var bytes);
            value = (int)Math.Min(bytes, int.MaxValue);
            return wrong ?? (bytes >= least && bytes <= most ? null : $"not between {ByteSizes.Format(least)} and {ByteSizes.Format(most)}");
        },
        value => ByteSizes.Format(value));

    /// <summary>A size in bytes up to what 64 bits hold, or 0.</summary>
    public static ValueKind<long> LongSize(long least) => new(
        "size",
        "2GiB",
        (string text, out long value) => ByteSizes.Parse(text, out value) ?? (value == 0 || value >= least ? null : $"neither 0 nor at least {ByteSizes.Format(least)}"),
        ByteSizes.Format);

    /// <summary>A size in bytes between the two, or 0 for "none".</summary>
    public static ValueKind<int> SizeOrNone(int least, int most) => Size(0, most).Unless(value =>
        value == 0 || value >= least ? null : $"neither 0 nor at least {ByteSizes.Format(least)}");

    /// <summary>A duration between the two, both included.</summary>
    public static ValueKind<TimeSpan> Duration(TimeSpan least, TimeSpan most) => new ValueKind<TimeSpan>(
        "duration",
        Durations.Format(most),
        Durations.Parse,
        Durations.Format).Unless(value =>
            value >= least && value <= most ? null : $"not between {Durations.Format(least)} and {Durations.Format(most)}");

    /// <summary>A duration, or 0 for "none"; otherwise between the two.</summary>
    public static ValueKind<TimeSpan> DurationOrNone(TimeSpan least, TimeSpan most) => new ValueKind<TimeSpan>(
        "duration",
        Durations.Format(most),
        Durations.Parse,
        Durations.Format).Unless(value => value == TimeSpan.Zero || (value >= least && value <= most)
            ? null
            : $"neither 0 nor between {Durations.Format(least)} and {Durations.Format(most)}");

    /// <summary>One of the words, in any case.</summary>
    /// <param name="words">Those this version honours.</param>
    /// <param name="later">Words it knows and refuses, because what they ask for is not part of it.</param>
    public static ValueKind<T> Choice<T>((string Word, T Value)[] words, params string[] later)
    {
        var known = string.Join(", ", words.Select(word => word.Word));
        return new(known, words[0].Word, Parse, value => words.First(word => EqualityComparer<T>.Default.Equals(word.Value, value)).Word);

        string? Parse(string text, out T value)
        {
            var trimmed = text.Trim();
            foreach (var (word, meant) in words)
            {
                if (word.Equals(trimmed, StringComparison.OrdinalIgnoreCase))
                {
                    value = meant;
                    return null;
                }
            }

            value = default!;
            return later.Contains(trimmed, StringComparer.OrdinalIgnoreCase)
                ? $"not available in this version; it knows {known}"
                : $"not one of {known}{Nearest.Hint(trimmed, words.Select(word => word.Word))}";
        }
    }

    /// <summary>A key that is known but has no effect yet: only its default passes, so nobody relies on what is not there.</summary>
    public static ValueKind<T> NotYet<T>(ValueKind<T> kind, T only, string instead) =>
        kind.Unless(value => EqualityComparer<T>.Default.Equals(value, only) ? null : $"not available in this version; {instead}");

    /// <summary>Removes <c>user:password@</c> from an address before it is shown.</summary>
    internal static string HideUserInfo(string text)
    {
        var at = text.LastIndexOf('@');
        if (at < 0)
        {
            return ConfigurationProblem.Printable(text);
        }

        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        var start = scheme >= 0 && scheme < at ? text[..(scheme + 3)] : "";
        return ConfigurationProblem.Printable(start + Configuration.Secret.Mask + text[at..]);
    }

    private static string? ParseText(string text, out string value)
    {
        value = text.Trim();
        return null;
    }

    private static string? ParseSecret(string text, out Secret value)
    {
        value = new Secret(text);
        return null;
    }

    private static string? ParseFlag(string text, out bool value) =>
        bool.TryParse(text.AsSpan().Trim(), out value) ? null : "neither true nor false";

    private static string? ParseTexts(string text, out IReadOnlyList<string> value)
    {
        value = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return null;
    }
}
