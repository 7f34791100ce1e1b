using System.Diagnostics;
using System.Globalization;
using Relay.Bench.Tests.Support;
using Relay.Testing;

namespace Relay.Bench.Tests;

/// <summary><c>--resume</c> against the node, a process of its own.</summary>
public sealed class ResumeTests : IDisposable
{
    private readonly TempFolder _folder = new("relay-resume-");
    private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Clients_get_what_they_missed_from_the_memory_of_a_node()
    {
        using var node = await StartAsync();
        var run = await ResumeAsync(node, "--subscribers", "40", "--channels", "4", "--missed", "200", "--drain", "60");
        Assert.True(run.ExitCode == 0, run + node.Output);
        Assert.Equal(40 * 206, run.Check("received"));
        Assert.Equal(40, run.Resume("back").GetInt32());
        var server = run.Resume("server");
        Assert.True(server.GetProperty("resident_peak_mib").GetDouble() >= server.GetProperty("resident_before_mib").GetDouble(), run.ToString());
        Assert.True(server.GetProperty("resident_before_mib").GetDouble() > 0, run.ToString());
    }

    [Fact]
    public async Task More_than_the_node_keeps_is_not_recovered_and_missing()
    {
        using var node = await StartAsync("--Relay:Namespaces:topics:HistoryLength=10");
        var run = await ResumeAsync(node, "--subscribers", "2", "--missed", "11", "--drain", "1");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((22, 2, 0), (run.Check("missing"), run.Resume("not_recovered").GetInt32(), run.Resume("back").GetInt32()));
    }

    /// <summary>With the restart of bench/resume.sh, which finds the node where this test laid it.</summary>
    [Fact]
    public async Task Clients_get_what_they_missed_from_the_journal_of_a_node_that_was_killed()
    {
        using var node = await StartAsync("--Relay:Namespaces:topics:Durability=sql", "--Relay:Storage:Path=" + _folder.File("data"));
        Directory.CreateSymbolicLink(_folder.File("relay"), AppContext.BaseDirectory);
        await File.WriteAllTextAsync(_folder.File("pid"), Text(node.Id));
        try
        {
            var script = Path.Combine(AppContext.BaseDirectory, "resume.sh");
            var run = await ResumeAsync(
                node, "--subscribers", "40", "--channels", "20", "--missed", "50", "--drain", "60", "--connect-timeout", "60",
                "--restart-command", $"BENCH_OUT='{_folder.Path}' sh '{script}' --restart '{_folder.Path}'");
            Assert.True(run.ExitCode == 0, run + node.Output);
            Assert.True(node.HasExited);
            Assert.Equal((40, 0), (run.Resume("back").GetInt32(), run.Check("epoch_changes")));
            Assert.True(run.Resume("restart_seconds").GetDouble() > 0);

            // It watches the new process: the old one has no memory any more.
            Assert.True(run.Resume("server").GetProperty("resident_after_mib").GetDouble() > 0, run.ToString());
        }
        finally
        {
            await EndRestartedAsync(node.Id);
        }
    }

    private async Task<ServerProcess> StartAsync(params string[] more)
    {
        string[] arguments = [$"--Relay:Listeners:main:Url={_url}", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", .. more];
        await File.WriteAllLinesAsync(_folder.File("arguments"), arguments);
        var node = ServerProcess.Start("dotnet", [NodeProgram.Path, .. arguments], "dotnet was not found");
        await Eventually.Until(() => node.Output.Contains("\nready", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        return node;
    }

    private Task<Tool> ResumeAsync(ServerProcess node, params string[] args) =>
        Tool.RunAsync(["--url", _url, "--resume", "--settle", "0", .. args, "--server-pid", Text(node.Id)]);

    private async Task EndRestartedAsync(int first)
    {
        var file = _folder.File("pid");
        if (!File.Exists(file) || !int.TryParse(await File.ReadAllTextAsync(file), CultureInfo.InvariantCulture, out var pid) || pid == first)
        {
            return;
        }

        using var restarted = Process.GetProcessById(pid);
        restarted.Kill();
        await restarted.WaitForExitAsync();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
