using System.Globalization;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Deploy.Tests.Support;
using Relay.Testing;

namespace Relay.Deploy.Tests;

/// <summary>
/// cluster.sh without its build: nodes come, go and die, and the balancer follows.
/// </summary>
public sealed partial class ClusterScriptTests : IDisposable
{
    private readonly TempFolder _temporary = new("relay-cluster-");
    private readonly int _port = FreePort.Next();
    private ServerProcess? _script;

    [Fact]
    public async Task Nodes_are_added_killed_and_drained_behind_the_balancer_and_nothing_is_left_at_the_end()
    {
        var script = await StartAsync(3);
        await SaidAsync("add        kill -USR1");
        foreach (var name in new[] { "n1", "n2", "n3" })
        {
            await SaidAsync($"{name} is ready");
        }

        using (var client = await ConnectAsync())
        {
            var node = await ReceiveAsync(client);
            Signal(PidOf(node), SigKill);
            await SaidAsync($"{node} ended with -9");
            await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(client));
            using var again = await ConnectAsync();
            Assert.NotEqual(node, await ReceiveAsync(again), StringComparer.Ordinal);
        }

        Signal(script.Id, SigUsr1);
        await SaidAsync("n4 is ready");
        Signal(PidOf("n4"), SigTerm);
        await SaidAsync("n4 ended with 0");

        var pids = ProcessesOf(script.Output);
        script.Interrupt();
        await script.ExitedAsync();
        Assert.DoesNotContain(pids, static pid => Directory.Exists($"/proc/{pid}"));
        Assert.Empty(Directory.GetFileSystemEntries(_temporary.Path));
    }

    [Fact]
    public async Task When_no_node_can_start_the_script_says_why_and_ends()
    {
        var script = await StartAsync(2, "--Relay:Limits:UnsentBytes=lots");
        await script.ExitedAsync();
        Assert.Contains("Relay:Limits:UnsentBytes = \"lots\": not a size", script.Output, StringComparison.Ordinal);
        Assert.Contains("no node is left", script.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_temporary.Path));
    }

    [Fact]
    public async Task The_shell_script_passes_on_what_it_is_asked()
    {
        var help = await Tool.RunAsync(Repository.File("cluster.sh"), ["--help"]);
        Assert.Equal(0, help.Code);
        Assert.Contains("kill -9 of node N", help.Output, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _script?.Dispose();
        _temporary.Dispose();
    }

    private async Task<ServerProcess> StartAsync(int nodes, params string[] more)
    {
        string[] arguments =
        [
            "-B", Repository.File("deploy", "local", "cluster.py"), "--node", NodeProgram.Path,
            nodes.ToString(CultureInfo.InvariantCulture), "--port", _port.ToString(CultureInfo.InvariantCulture), .. more,
        ];
        return _script = ServerProcess.Start(
            "python3", arguments, "python3 was not found: apt-get install python3", new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = _temporary.Path });
    }

    private Task SaidAsync(string text) => Eventually.UntilAsync(
        () => _script!.Output.Contains(text, StringComparison.Ordinal)
            ? Task.FromResult(true)
            : _script.HasExited ? throw new ServerEndedException($"the script ended: {_script.Output}") : throw new InvalidOperationException(_script.Output),
        text,
        TimeSpan.FromMinutes(2));

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var client = new ClientWebSocket();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{_port}/relay"), limit.Token);
        return client;
    }

    /// <summary>The name of the node in its greeting.</summary>
    private static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var buffer = new byte[4096];
        var received = await client.ReceiveAsync(buffer.AsMemory(), limit.Token);
        using var greeting = JsonDocument.Parse(buffer.AsMemory(0, received.Count));
        return greeting.RootElement.GetProperty("node").GetString()!;
    }

    private int PidOf(string node) => int.Parse(
        Regex.Match(_script!.Output, $"^node {node} .* pid (?<pid>[0-9]+) ", RegexOptions.Multiline, TimeSpan.FromSeconds(10)).Groups["pid"].Value, CultureInfo.InvariantCulture);

    private static List<string> ProcessesOf(string output) => [.. Pids().Matches(output).Select(static match => match.Groups["pid"].Value)];

    [GeneratedRegex("^node .* pid (?<pid>[0-9]+) ", RegexOptions.Multiline | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Pids();

    private const int SigKill = 9;
    private const int SigUsr1 = 10;
    private const int SigTerm = 15;

    private static void Signal(int process, int signal) => Assert.Equal(0, SysKill(process, signal));

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SysKill(int pid, int signal);
}
