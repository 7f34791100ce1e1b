using Relay.Bench.Tests.Support;

namespace Relay.Bench.Tests;

/// <summary>What <c>--resume</c> says of a server that brings back less, more or something else than was missed.</summary>
public class ResumeFaultTests
{
    // Subscribers 0 to 2 leave and come back as 3 to 5. Offsets 1 to 3 are had before, 4 to 23 missed, 24 to 26 live again.
    private static readonly string[] Three = ["--resume", "--subscribers", "3", "--missed", "20", "--settle", "0"];

    [Fact]
    public async Task Clients_that_get_what_they_missed_are_back()
    {
        await using var server = new FakeRelay();
        var run = await Tool.RunAsync(["--url", server.Url, "--drain", "60", .. Three]);
        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.Equal("resume", run.Report.GetProperty("mode").GetString());
        Assert.Equal((26, 26, 78, 0), (run.Check("published"), run.Check("accepted"), run.Check("received"), run.Check("missing")));
        Assert.Equal((3, 3, 0), (run.Resume("returned").GetInt32(), run.Resume("back").GetInt32(), run.Resume("not_recovered").GetInt32()));
        Assert.Equal(3, run.Resume("latency_us").GetProperty("count").GetInt64());
        Assert.True(run.Resume("connect_latency_us").GetProperty("max").GetDouble() >= run.Resume("latency_us").GetProperty("max").GetDouble(), run.ToString());
        Assert.False(run.Report.GetProperty("resume").TryGetProperty("restart_seconds", out _));
    }

    [Fact]
    public async Task One_missed_event_that_is_lost_is_caught()
    {
        await using var server = new FakeRelay { Replays = static (subscriber, offset, frame) => subscriber == 4 && offset == 10 ? [] : [frame(offset)] };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((1, 1, 0, 0), (run.Check("missing"), run.Check("offset_gaps"), run.Check("duplicates"), run.Check("out_of_order")));
        Assert.Equal((3, 2, 0), (run.Resume("returned").GetInt32(), run.Resume("back").GetInt32(), run.Resume("not_recovered").GetInt32()));
    }

    [Fact]
    public async Task The_last_missed_event_that_is_lost_is_caught_though_nothing_follows_it()
    {
        await using var server = new FakeRelay { Replays = static (_, offset, frame) => offset == 23 ? [] : [frame(offset)] };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((3, 0), (run.Check("missing"), run.Resume("back").GetInt32()));
    }

    [Fact]
    public async Task An_event_that_was_had_before_is_a_repeat()
    {
        await using var server = new FakeRelay { Replays = static (subscriber, offset, frame) => subscriber == 3 && offset == 4 ? [frame(3), frame(4)] : [frame(offset)] };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 1, 1), (run.Check("missing"), run.Check("duplicates"), run.Check("offset_repeats")));
    }

    [Fact]
    public async Task Missed_events_in_the_wrong_order_are_told_and_not_missing()
    {
        await using var server = new FakeRelay
        {
            Replays = static (subscriber, offset, frame) => (subscriber, offset) switch
            {
                (5, 8) => [],
                (5, 9) => [frame(9), frame(8)],
                _ => [frame(offset)],
            },
        };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 0, 1), (run.Check("missing"), run.Check("duplicates"), run.Check("out_of_order")));
    }

    [Fact]
    public async Task A_client_that_is_not_told_that_it_has_all_has_failed()
    {
        await using var server = new FakeRelay { Recovers = static subscriber => subscriber != 4 };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 1), (run.Check("missing"), run.Resume("not_recovered").GetInt32()));
        Assert.Contains("not recovered", run.Report.GetProperty("first_error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_live_event_that_is_lost_after_the_return_is_missing()
    {
        await using var server = new FakeRelay { Faults = static (subscriber, offset, frame) => subscriber == 5 && offset == 25 ? [] : [frame(offset)] };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((3, 1, 1), (run.Resume("back").GetInt32(), run.Check("missing"), run.Check("offset_gaps")));
    }

    [Fact]
    public async Task A_publish_that_is_refused_while_everyone_is_away_is_told()
    {
        await using var server = new FakeRelay { RefuseFrom = 20 };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((19, 4), (run.Check("accepted"), run.Check("refused")));
        Assert.Contains("too fast", run.Report.GetProperty("first_error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Somebody_who_cannot_come_back_has_failed()
    {
        // Three subscribers, two publisher connections, and two of those who return.
        await using var server = new FakeRelay { MaxConnections = 7 };
        var run = await RunShortlyAsync(server);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((1, 2), (run.Check("failed_connections"), run.Resume("back").GetInt32()));
    }

    [Theory]
    [InlineData("echo no such node; exit 3", "ended with 3: no such node")]
    [InlineData("sleep 600", "did not end in time")]
    public async Task A_restart_that_fails_ends_the_run_with_its_reason(string command, string reason)
    {
        await using var server = new FakeRelay();
        var run = await Tool.RunAsync(["--url", server.Url, "--restart-command", command, "--connect-timeout", "2", .. Three]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(reason, run.Report.GetProperty("first_error").GetString(), StringComparison.Ordinal);
        Assert.Equal((23, 0, 0), (run.Check("accepted"), run.Resume("back").GetInt32(), run.Check("missing")));
    }

    [Fact]
    public async Task The_table_tells_how_many_are_back_and_how_long_it_took()
    {
        await using var server = new FakeRelay { Recovers = static _ => false };
        using var output = new StringWriter();
        Assert.Equal(1, await BenchProgram.RunAsync(["--url", server.Url, "--drain", "1", .. Three], output, output, null, CancellationToken.None));
        Assert.Matches(@"3 relay clients come back to 1 channel\(s\)", output.ToString());
        Assert.Matches(@"back +3 of 3 in [0-9.]+ s, 20 events missed by each, .* 3 not recovered", output.ToString());
        Assert.Matches("of subscribe( +[0-9.]+){5}", output.ToString());
        Assert.Contains("verdict         FAILED", output.ToString(), StringComparison.Ordinal);
    }

    private static Task<Tool> RunShortlyAsync(FakeRelay server) => Tool.RunAsync(["--url", server.Url, "--drain", "1", .. Three]);
}
