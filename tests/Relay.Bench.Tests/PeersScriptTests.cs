using System.Diagnostics;

namespace Relay.Bench.Tests;

public class PeersScriptTests
{
    /// <summary>Medians, ratios, goals and the verdict are worked out in Python, so their tests are (bench/peers/test_suite.py).</summary>
    [Fact]
    public async Task The_tests_of_the_script_that_compares_servers_pass()
    {
        var start = new ProcessStartInfo("python3", ["-B", "-m", "unittest", "test_suite"])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            WorkingDirectory = Path.Combine(AppContext.BaseDirectory, "peers"),
        };
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var process = Process.Start(start)!;
        try
        {
            var said = await process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, said);
            Assert.Matches(@"Ran [1-9][0-9]* tests", said);
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
