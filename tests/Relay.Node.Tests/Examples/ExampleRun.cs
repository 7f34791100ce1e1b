using System.Diagnostics;

namespace Relay.Node.Tests.Examples;

/// <summary>One of the scripts under <c>examples/</c>, run to its end as a person would run it.</summary>
internal static class ExampleRun
{
    /// <summary>Guards against a script that hangs; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary><c>python3</c>, without leaving byte code beside the script.</summary>
    public static Task<ExampleResult> PythonAsync(string script, string input, params string[] arguments) =>
        RunAsync("python3", ["-B", PathOf(script), .. arguments], input, []);

    /// <summary><c>bash</c> with environment variables.</summary>
    public static Task<ExampleResult> BashAsync(string script, string[] arguments, params (string Name, string Value)[] environment) =>
        RunAsync("bash", [PathOf(script), .. arguments], "", environment);

    /// <summary><c>psql -f</c> as the database's owner; stops at the first error.</summary>
    public static Task<ExampleResult> SqlAsync(string script, int port) =>
        RunAsync("psql", ["-v", "ON_ERROR_STOP=1", "-q", "-f", PathOf(script), $"postgresql://postgres@127.0.0.1:{port}/postgres"], "", []);

    private static string PathOf(string script) => Path.Combine(AppContext.BaseDirectory, "examples", script);

    private static async Task<ExampleResult> RunAsync(string program, string[] arguments, string input, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("RELAY_HOOKS_URL");
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var limit = new CancellationTokenSource(Patience);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            return new ExampleResult(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}

/// <summary>How a script ended.</summary>
internal sealed record ExampleResult(int ExitCode, string Output, string Error)
{
    /// <summary>Lines of standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>This, after a check that it went well.</summary>
    public ExampleResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}{Output}");
        return this;
    }
}
