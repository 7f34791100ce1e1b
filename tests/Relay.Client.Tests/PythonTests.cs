using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.Client.Tests;

/// <summary>The tests of clients/python, against the same node.</summary>
public sealed partial class PythonTests(ITestOutputHelper output)
{
    private static readonly string Folder = Path.Combine(
        typeof(PythonTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "Root").Value!, "clients", "python");

    [Theory]
    [InlineData("tests.test_frames")]
    [InlineData("tests.test_client")]
    [InlineData("tests.test_sender")]
    public async Task The_Python_client_does_what_it_promises(string module)
    {
        var start = new ProcessStartInfo("python3", ["-B", "-W", "error::ResourceWarning", "-m", "unittest", module]) { WorkingDirectory = Folder, UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["RELAY_NODE_DLL"] = NodeProgram.Path;
        using var python = Process.Start(start)!;
        var (said, printed) = (python.StandardError.ReadToEndAsync(), python.StandardOutput.ReadToEndAsync());
        await python.WaitForExitAsync();
        var report = await said + await printed;
        output.WriteLine(report);
        Assert.True(python.ExitCode == 0, report);
        Assert.DoesNotMatch(Skipped(), report);
        Assert.Matches(Ran(), report);
    }

    [GeneratedRegex("Ran [1-9][0-9]* test", RegexOptions.NonBacktracking)]
    private static partial Regex Ran();

    [GeneratedRegex("skipped=", RegexOptions.NonBacktracking)]
    private static partial Regex Skipped();
}
