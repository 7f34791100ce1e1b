using System.Text.RegularExpressions;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>What the program says to settings.</summary>
internal static partial class Settings
{
    /// <summary><c>--check</c> with this environment and no other settings.</summary>
    public static async Task<ToolRun> CheckAsync(IReadOnlyDictionary<string, string> environment)
    {
        using var folder = new TempFolder();
        return await Tool.RunAsync("dotnet", [Repository.Node, "--check"], folder.Path, environment);
    }

    /// <summary>
    /// Takes out keys of the cluster that this version says it does not have yet, and only those; everything else is left for the program to judge.
    /// </summary>
    public static async Task<Dictionary<string, string>> AvailableAsync(IReadOnlyDictionary<string, string> environment)
    {
        var available = new Dictionary<string, string>(environment, StringComparer.Ordinal);
        var run = await CheckAsync(environment);
        foreach (var key in NotAvailable().Matches(run.Error).Select(static match => match.Groups["key"].Value))
        {
            available.Remove(key.Replace(":", "__", StringComparison.Ordinal));
        }

        return available;
    }

    [GeneratedRegex("^ *(?<key>Relay:Cluster:[A-Za-z]+) = .*: not available in this version", RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex NotAvailable();
}
