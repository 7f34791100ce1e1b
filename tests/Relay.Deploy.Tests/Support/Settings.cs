using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>What the program says to settings.</summary>
internal static class Settings
{
    /// <summary><c>--check</c> with this environment and no other settings.</summary>
    public static async Task<ToolRun> CheckAsync(IReadOnlyDictionary<string, string> environment)
    {
        using var folder = new TempFolder();
        return await Tool.RunAsync("dotnet", [NodeProgram.Path, "--check"], folder.Path, environment);
    }
}
