using System.Reflection;
using Relay.Testing;

namespace Relay.Clients.Tests;

/// <summary>The TypeScript client's packages, installed once from its lock file, and its tests, compiled once.</summary>
internal static class TypeScript
{
    /// <summary>The oldest Node.js that the client, and its tests, run on.</summary>
    private const int OldestNode = 20;

    private static readonly string Root =
        typeof(TypeScript).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "Root").Value!;

    private static readonly string Folder = Path.Combine(Root, "clients", "typescript");
    private static readonly Lazy<Task> Ready = new(PrepareAsync);

    public static IEnumerable<string> TestFiles() =>
        Directory.EnumerateFiles(Path.Combine(Folder, "test"), "*.test.ts*").Select(static path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    /// <summary>Runs one file's tests; the output says which of them failed, and why.</summary>
    public static async Task<ToolRun> TestAsync(string file)
    {
        await Ready.Value;
        var compiled = Path.Combine("build", "test", Path.ChangeExtension(file, ".js"));
        return await Tool.RunAsync("node", ["--test", "--test-timeout=120000", compiled], Folder, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["RELAY_NODE_PROGRAM"] = NodeProgram.Path,
        });
    }

    private static async Task PrepareAsync()
    {
        var version = (await Tool.RunAsync("node", ["--version"], Folder)).MustSucceed("Node.js cannot be run").Output.Trim();
        if (!int.TryParse(version.TrimStart('v').Split('.')[0], out var major) || major < OldestNode)
        {
            throw new InvalidOperationException($"Node.js {OldestNode} or later is needed to test clients/typescript; here is {version}: https://nodejs.org/en/download");
        }

        var lockFile = Path.Combine(Folder, "package-lock.json");
        var installed = Path.Combine(Folder, "node_modules", ".package-lock.json");
        if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(lockFile))
        {
            (await Tool.RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], Folder)).MustSucceed($"npm could not install the packages of {Folder}");
        }

        (await Tool.RunAsync("node", [Path.Combine("scripts", "compile.mjs")], Folder)).MustSucceed("The client's tests could not be compiled");
    }
}
