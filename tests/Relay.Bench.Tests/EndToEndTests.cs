using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Bench.Tests.Support;
using Relay.Testing;

namespace Relay.Bench.Tests;

/// <summary>The tool against the node, a process of its own.</summary>
public sealed partial class EndToEndTests : IAsyncLifetime, IDisposable
{
    private readonly TempFolder _folder = new("relay-bench-");
    private RedisServerProcess _redis = null!;
    private ServerProcess _node = null!;
    private string _url = "";

    public async Task InitializeAsync()
    {
        _redis = await RedisServerProcess.StartAsync();
        _node = ServerProcess.Start(
            "dotnet",
            [
                NodeProgram.Path,
                "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=",
                $"--Relay:Redis:Endpoints=127.0.0.1:{_redis.Port}",
            ],
            "dotnet was not found");
        await Eventually.Until(() => _node.Output.Contains("\nready", StringComparison.Ordinal) && ListenerLine().IsMatch(_node.Output), TimeSpan.FromSeconds(60));
        _url = ListenerLine().Match(_node.Output).Groups["url"].Value;
    }

    public async Task DisposeAsync()
    {
        _node.Terminate();
        await _node.ExitedAsync();
        await _redis.DisposeAsync();
    }

    public void Dispose()
    {
        _node.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Two_seconds_of_native_load_are_delivered_once_and_in_order()
    {
        var file = _folder.File("report.json");
        var run = await Tool.RunAsync(
            "--url", _url, "--subscribers", "50", "--seconds", "2", "--warm-up", "0.2", "--drain", "60", "--server-pid", _node.Id.ToString(CultureInfo.InvariantCulture), "--output", file);
        Assert.True(run.ExitCode == 0, run + _node.Output);
        Assert.True(run.Load("deliveries_per_second") > 0);
        Assert.Equal(run.Check("published") * 50, run.Check("received"));
        Assert.Equal(run.Check("published"), run.Check("accepted"));
        Assert.True(run.Report.GetProperty("server").GetProperty("resident_mib").GetDouble() > 0);
        Assert.Contains("\"dialect\":\"relay\"", await File.ReadAllTextAsync(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--dialect relay --subscribers 20 --channels 10 --publishers 3 --rate 300")]
    [InlineData("--dialect context --subscribers 20 --channels 4 --publishers 2 --rate 300")]
    [InlineData("--dialect updates --publish-via http --subscribers 20 --channels 20 --publishers 2 --rate 200")]
    [InlineData("--dialect updates --publish-via http --subscribers 20 --channels 5 --window 8")]
    [InlineData("--dialect updates --publish-via redis --subscribers 20 --channels 10 --rate 300 --redis 127.0.0.1:REDIS")]
    public async Task Every_dialect_and_route_delivers_everything(string arguments)
    {
        var args = arguments.Replace("REDIS", _redis.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal).Split(' ');

        // Clients of "updates" are not told when they are subscribed, so nobody can wait for it.
        var settle = arguments.Contains("updates", StringComparison.Ordinal) ? "4" : "0.5";
        var run = await Tool.RunAsync(["--url", _url, "--seconds", "0.7", "--warm-up", "0.1", "--settle", settle, "--drain", "60", .. args]);
        Assert.True(run.ExitCode == 0, run + _node.Output);
        Assert.True(run.Check("received") > 0, run.ToString());
        Assert.Equal(0, run.Check("missing"));
    }

    [Fact]
    public async Task Publishers_connect_to_another_server_where_one_is_named()
    {
        var run = await Tool.RunAsync("--url", _url, "--publish-to", "http://127.0.0.1:1", "--subscribers", "3", "--seconds", "0.5", "--drain", "1");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("publisher 0", run.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_run_against_the_same_server_is_no_repeat_of_the_first()
    {
        string[] args = ["--url", _url, "--subscribers", "3", "--channel-prefix", "topics/shared-", "--rate", "200", "--seconds", "0.5", "--warm-up", "0", "--drain", "60"];
        Assert.Equal(0, (await Tool.RunAsync(args)).ExitCode);
        var second = await Tool.RunAsync(args);
        Assert.True(second.ExitCode == 0, second.ToString());
        Assert.Equal(300, second.Check("received"));
    }

    [Fact]
    public async Task Idle_connections_are_opened_along_the_ramp_and_reported()
    {
        var run = await Tool.RunAsync("--url", _url, "--idle", "--subscribers", "100", "--connect-rate", "400", "--seconds", "0.2");
        Assert.True(run.ExitCode == 0, run.ToString());
        var connect = run.Report.GetProperty("connect");
        Assert.Equal(100, connect.GetProperty("ready").GetInt32());

        // The last of 100 may not start before 99 / 400 s.
        Assert.True(connect.GetProperty("seconds").GetDouble() >= 0.247, run.ToString());
    }

    [GeneratedRegex(@"listening main (?<url>\S+) dialect", RegexOptions.NonBacktracking)]
    private static partial Regex ListenerLine();
}
