using System.Diagnostics;
using System.Text.Json;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>The scripts in <c>checks</c>, with the packages their lock file names, all in one process (<c>serve.mjs</c>) that ends with this one.</summary>
internal static class Checks
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);
    private static readonly Lazy<Task<Process>> Server = new(StartAsync);
    private static readonly SemaphoreSlim Turn = new(1);

    /// <summary>A script that prints a line per problem and ends with 1, or with 0.</summary>
    public static async Task<ToolRun> RunAsync(string script, params string[] arguments)
    {
        var server = await Server.Value;
        await Turn.WaitAsync();
        try
        {
            await server.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new { script, arguments }));
            await server.StandardInput.FlushAsync();
            var answer = await server.StandardOutput.ReadLineAsync().WaitAsync(Bound) ?? throw new InvalidOperationException($"checks/serve.mjs has ended; the last to run was {script}");
            return JsonSerializer.Deserialize<ToolRun>(answer, JsonSerializerOptions.Web)!;
        }
        finally
        {
            Turn.Release();
        }
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

    // Its input ends when this process does, and so does it.
    private static async Task<Process> StartAsync()
    {
        await InstallAsync();
        return Process.Start(new ProcessStartInfo("node", [Path.Combine(Repository.Checks, "serve.mjs")])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Repository.Checks,
        })!;
    }

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
