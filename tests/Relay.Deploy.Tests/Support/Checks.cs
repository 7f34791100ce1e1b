using System.Text.Json;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>The scripts in <c>checks</c>, with the packages their lock file names.</summary>
internal static class Checks
{
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    /// <summary>A script that prints a line per problem and ends with 1, or with 0.</summary>
    public static async Task<ToolRun> RunAsync(string script, params string[] arguments)
    {
        await Installed.Value;
        return await Tool.RunAsync("node", [Path.Combine(Repository.Checks, script), .. arguments], Repository.Checks);
    }

    /// <summary>As <see cref="RunAsync"/>, with a file of this text as the first argument.</summary>
    public static async Task<ToolRun> RunOnAsync(string script, string text, params string[] arguments)
    {
        using var folder = new TempFolder();
        var file = folder.File("checked");
        await File.WriteAllTextAsync(file, text);
        return await RunAsync(script, [file, .. arguments]);
    }

    /// <summary>The last line a script printed.</summary>
    public static T Result<T>(ToolRun run) => JsonSerializer.Deserialize<T>(run.MustSucceed("The check failed").Output.TrimEnd().Split('\n')[^1], JsonSerializerOptions.Web)!;

    private static async Task InstallAsync()
    {
        var installed = Path.Combine(Repository.Checks, "node_modules", ".package-lock.json");
        if (File.Exists(installed) && File.GetLastWriteTimeUtc(installed) >= File.GetLastWriteTimeUtc(Path.Combine(Repository.Checks, "package-lock.json")))
        {
            return;
        }

        var run = await Tool.RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], Repository.Checks);
        run.MustSucceed($"npm could not install the packages of {Repository.Checks}");
    }
}
