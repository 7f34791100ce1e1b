using System.Buffers;
using System.Globalization;
using System.Text;

namespace Relay.Node.Configuration;

/// <summary>One mistake in the configuration, told so that the reader can mend it without opening the documentation.</summary>
/// <param name="Key">Without the <c>Relay:</c> prefix, e.g. <c>Limits:UnsentBytes</c>; another name (<c>WS_PORT</c>, <c>--Relays</c>) with
/// <paramref name="IsForeign"/>.</param>
/// <param name="Value">The bad value as it may be shown; null when there is none. Secrets are already masked.</param>
/// <param name="Text">What is wrong and what would be right.</param>
/// <param name="Example">A value that would pass; null when no value would.</param>
/// <param name="IsForeign">The key is not one under <c>Relay</c>.</param>
public sealed record ConfigurationProblem(string Key, string? Value, string Text, string? Example, bool IsForeign = false)
{
    private const int LongestShownValue = 120;

    private static readonly SearchValues<char> ShellWords = SearchValues.Create(" ;&*'\"<>|");

    /// <summary>Two lines: the mistake; then how to set the key, in the environment and on the command line.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(IsForeign ? Key : "Relay:" + Key);
        if (Value is not null)
        {
            text.Append(" = \"").Append(Value).Append('"');
        }

        text.Append(": ").Append(Text);
        if (Example is not null)
        {
            text.Append("\n    set it with  ").Append(AsEnvironment(Key, Example)).Append("  or  ").Append(AsArgument(Key, Example));
        }

        return text.ToString();
    }

    /// <summary><c>Relay__Limits__UnsentBytes=1MiB</c>.</summary>
    public static string AsEnvironment(string key, string value) =>
        "Relay__" + key.Replace(":", "__", StringComparison.Ordinal) + "=" + Quote(value);

    /// <summary><c>--Relay:Limits:UnsentBytes=1MiB</c>.</summary>
    public static string AsArgument(string key, string value) => "--Relay:" + key + "=" + Quote(value);

    /// <summary>A value as it may appear on a terminal: one line, no control characters, bounded.</summary>
    internal static string Printable(string value)
    {
        var shown = new StringBuilder();
        foreach (var c in value.AsSpan(0, Math.Min(value.Length, LongestShownValue)))
        {
            if (char.IsControl(c))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                shown.Append(c);
            }
        }

        return value.Length > LongestShownValue ? shown.Append('…').ToString() : shown.ToString();
    }

    private static string Quote(string value) => value.AsSpan().ContainsAny(ShellWords) ? "'" + value + "'" : value;
}
