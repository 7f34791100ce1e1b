using Relay.Bench.Tests.Support;

namespace Relay.Bench.Tests;

/// <summary>What the tool says of a server that does wrong.</summary>
public class FaultTests
{
    private static readonly string[] Load = ["--subscribers", "3", "--rate", "200"];

    [Fact]
    public async Task A_faithful_server_passes()
    {
        await using var server = new FakeRelay();
        var run = await Tool.RunAsync(["--url", server.Url, "--warm-up", "0", "--settle", "0", "--seconds", "0.5", "--drain", "60", .. Load]);
        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.Equal(100, run.Check("published"));
        Assert.Equal(300, run.Check("received"));
        Assert.Equal(100, run.Check("accepted"));
        Assert.Equal(0, run.Check("unanswered"));
        Assert.Equal(300, run.Report.GetProperty("load").GetProperty("latency_us").GetProperty("count").GetInt64());
    }

    [Fact]
    public async Task A_lost_delivery_is_missing_and_a_gap_in_the_offsets()
    {
        await using var server = new FakeRelay { Faults = static (subscriber, offset, frame) => subscriber == 1 && offset is (10 or 20) ? [] : [frame(offset)] };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((2, 2, 0, 0), (run.Check("missing"), run.Check("offset_gaps"), run.Check("duplicates"), run.Check("out_of_order")));
    }

    [Fact]
    public async Task A_loss_at_the_very_end_is_missing_though_nothing_follows_it()
    {
        await using var server = new FakeRelay { Faults = static (_, offset, frame) => offset == 100 ? [] : [frame(offset)] };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(3, run.Check("missing"));
    }

    [Fact]
    public async Task A_repeated_delivery_is_a_duplicate()
    {
        await using var server = new FakeRelay { Faults = static (subscriber, offset, frame) => subscriber == 0 && offset == 50 ? [frame(50), frame(50), frame(3)] : [frame(offset)] };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 2, 2), (run.Check("missing"), run.Check("duplicates"), run.Check("offset_repeats")));
    }

    [Fact]
    public async Task Two_deliveries_exchanged_are_out_of_order_and_not_missing()
    {
        await using var server = new FakeRelay
        {
            Faults = static (subscriber, offset, frame) => (subscriber, offset) switch
            {
                (2, 30) => [],
                (2, 31) => [frame(31), frame(30)],
                _ => [frame(offset)],
            },
        };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 0, 1), (run.Check("missing"), run.Check("duplicates"), run.Check("out_of_order")));
    }

    [Fact]
    public async Task A_new_epoch_in_the_middle_is_told()
    {
        await using var server = new FakeRelay
        {
            Faults = static (_, offset, frame) => [offset < 40 ? frame(offset) : frame(offset).Replace("00000001", "00000002", StringComparison.Ordinal)],
        };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((0, 3), (run.Check("missing"), run.Check("epoch_changes")));
    }

    [Fact]
    public async Task A_refused_publish_is_told_with_the_servers_words()
    {
        await using var server = new FakeRelay { RefuseFrom = 60 };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((59, 41), (run.Check("accepted"), run.Check("refused")));
        Assert.Contains("too fast", run.Report.GetProperty("first_error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_publish_that_is_delivered_and_never_acked_is_unanswered()
    {
        await using var server = new FakeRelay { SilentAt = 70 };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal((1, 0), (run.Check("unanswered"), run.Check("missing")));
    }

    [Fact]
    public async Task Connections_that_fail_are_counted_and_the_others_go_on()
    {
        // The fourth connection is the publisher's.
        await using var server = new FakeRelay { MaxConnections = 2 };
        var run = await Tool.RunShortlyAsync(server.Url, Load);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(2, run.Check("failed_connections"));
        Assert.Contains("503", run.Report.GetProperty("first_error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_fails_every_connection()
    {
        var port = Testing.FreePort.Next();
        var run = await Tool.RunShortlyAsync($"http://127.0.0.1:{port}", "--subscribers", "5");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(5, run.Check("failed_connections"));
    }

    [Fact]
    public async Task A_closed_loop_goes_on_after_a_loss_that_would_hold_its_window_up()
    {
        // One delivery of the only open publish is lost: nothing else can show it, so the window is given up after a second.
        await using var server = new FakeRelay { Faults = static (subscriber, offset, frame) => subscriber == 0 && offset == 5 ? [] : [frame(offset)] };
        var run = await Tool.RunAsync("--url", server.Url, "--subscribers", "2", "--window", "1", "--warm-up", "0", "--settle", "0", "--seconds", "5", "--drain", "1");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(1, run.Check("missing"));
        Assert.True(run.Check("stalled") >= 1, run.ToString());
        Assert.True(run.Check("published") > 6, run.ToString());
    }

    [Fact]
    public async Task An_interrupted_load_reports_what_it_measured_until_then()
    {
        await using var server = new FakeRelay();
        using var interrupt = new CancellationTokenSource();
        using var output = new StringWriter();
        using var progress = new CancelAtFirstLine(interrupt);
        string[] args = ["--url", server.Url, "--subscribers", "2", "--rate", "100", "--seconds", "600", "--warm-up", "0", "--json"];
        var code = await BenchProgram.RunAsync(args, output, output, progress, interrupt.Token);
        using var report = System.Text.Json.JsonDocument.Parse(output.ToString());
        Assert.True(code == 0, output.ToString());
        Assert.True(report.RootElement.GetProperty("interrupted").GetBoolean());
        Assert.True(report.RootElement.GetProperty("load").GetProperty("deliveries").GetInt64() > 0);
    }

    /// <summary>Progress has a line per second of load; at the first one somebody presses Ctrl-C.</summary>
    private sealed class CancelAtFirstLine(CancellationTokenSource interrupt) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("load", StringComparison.Ordinal))
            {
                interrupt.Cancel();
            }
        }
    }
}
