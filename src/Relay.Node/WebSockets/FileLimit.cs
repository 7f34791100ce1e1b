using System.Globalization;

namespace Relay.Node.WebSockets;

/// <summary>
/// How many descriptors this process may open, and has open. Read from <c>/proc/self</c>; the runtime has raised the soft limit to the hard one
/// before any of this program runs.
/// </summary>
public static class FileLimit
{
    private const string Limits = "/proc/self/limits";
    private const string Open = "/proc/self/fd";
    private const string Row = "Max open files";

    /// <summary>The soft limit; null where there is none or the system does not say.</summary>
    public static int? Read()
    {
        try
        {
            return Parse(File.ReadAllText(Limits));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Descriptors open now; 0 when the system does not say.</summary>
    public static int InUse()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(Open).Count();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    /// <summary>Finds the soft limit in the text of <c>/proc/self/limits</c>; null when it is not there or <c>unlimited</c>.</summary>
    internal static int? Parse(ReadOnlySpan<char> limits)
    {
        foreach (var line in limits.EnumerateLines())
        {
            if (line.StartsWith(Row, StringComparison.Ordinal))
            {
                var soft = line[Row.Length..].TrimStart();
                var end = soft.IndexOf(' ');
                return int.TryParse(end < 0 ? soft : soft[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
            }
        }

        return null;
    }
}
