using System.Diagnostics;

namespace Relay.Clients.Tests;

/// <summary>How a program ended, and what it wrote.</summary>
internal sealed record ToolRun(int Code, string Output, string Error)
{
    public string Everything => $"exit code {Code}\n{Output}{Error}";

    /// <exception cref="InvalidOperationException">It failed.</exception>
    public ToolRun MustSucceed(string what) => Code == 0 ? this : throw new InvalidOperationException($"{what}: {Everything}");
}

/// <summary>Programs that do one thing and end.</summary>
internal static class Tool
{
    /// <summary>A bound for a program that hangs; packages come from afar, on a busy machine.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(7);

    public static async Task<ToolRun> RunAsync(string program, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        using var limit = new CancellationTokenSource(Bound);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ToolRun(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
