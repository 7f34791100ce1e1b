using System.Diagnostics;
using System.Reflection;
using Relay.Testing;

namespace Relay.Dashboard.Tests.Support;

/// <summary>The dashboard as run.sh and the image build it, in a folder of its own.</summary>
internal sealed class BuiltDashboard : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    private readonly TempFolder _folder = new("relay-pages-");

    /// <summary>The repository.</summary>
    public static string Root { get; } =
        typeof(BuiltDashboard).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static one => one.Key == "Root").Value!;

    /// <summary>Its sources.</summary>
    public static string Sources { get; } = Path.Combine(Root, "dashboard");

    public string Folder => _folder.File("dist");

    public static async Task<BuiltDashboard> BuildAsync()
    {
        await InstallAsync();
        var built = new BuiltDashboard();
        await RunAsync("npm", "run", "build", "--", "--outDir", built.Folder, "--logLevel", "warn");
        return built;
    }

    /// <summary>Runs a program in the dashboard's folder; what it wrote.</summary>
    /// <exception cref="InvalidOperationException">It failed, and said this.</exception>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Sources, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(Bound, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{await output}\n{await errors}");
    }

    public void Dispose() => _folder.Dispose();

    private static async Task InstallAsync()
    {
        var installed = Path.Combine(Sources, "node_modules", ".package-lock.json");
        if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(Path.Combine(Sources, "package-lock.json")))
        {
            await RunAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        }
    }
}
