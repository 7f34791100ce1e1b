using System.Text.Json;
using Relay.Testing;

namespace Relay.Node.Tests.Examples;

public sealed class WorkerTests
{
    private static readonly string[] Story =
    [
        "agent_update", "report_chunk", "agent_update", "report_chunk", "agent_update", "report_chunk", "agent_update", "report_chunk", "agent_update", "done",
    ];

    [Fact]
    public async Task What_the_worker_publishes_reaches_its_user_byte_for_byte_and_nobody_else()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await ExampleNode.StartAsync("Redis:Endpoints=127.0.0.1:" + redis.Port);
        using var alice = await node.ListenAsync(node.Main, "/ws?userId=alice", "users/alice");
        using var bob = await node.ListenAsync(node.Main, "/ws?userId=bob", "users/bob");
        var run = (await ExampleRun.PythonAsync("worker/worker.py", "", "--redis", $"127.0.0.1:{redis.Port}", "--user", "alice", "--pause", "0")).Succeeded();
        Assert.Equal(Story.Length, run.Lines.Length);
        for (var i = 0; i < Story.Length; i++)
        {
            var frame = await alice.ReadAsync();
            Assert.Equal(frame + "  (1 receivers)", run.Lines[i]);
            Assert.Equal(Story[i], JsonDocument.Parse(frame).RootElement.GetProperty("type").GetString());
        }

        // The first thing bob hears is his own: the ten before it were not for him.
        (await ExampleRun.BashAsync("worker/worker.sh", ["bob"], ("REDIS", $"127.0.0.1:{redis.Port}"), ("PAUSE", "0"))).Succeeded();
        Assert.Equal("bob", (await bob.ReadJsonAsync()).GetProperty("target_user_id").GetString());
    }

    [Fact]
    public async Task The_shell_worker_tells_its_story_in_order()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await ExampleNode.StartAsync("Redis:Endpoints=127.0.0.1:" + redis.Port);
        using var alice = await node.ListenAsync(node.Main, "/ws?userId=alice", "users/alice");
        (await ExampleRun.BashAsync("worker/worker.sh", ["alice"], ("REDIS", $"127.0.0.1:{redis.Port}"), ("PAUSE", "0"))).Succeeded();
        string[] story = ["agent_update", "report_chunk", "report_chunk", "report_chunk", "agent_update", "done"];
        var report = "";
        foreach (var type in story)
        {
            var update = await alice.ReadJsonAsync();
            Assert.Equal(type, update.GetProperty("type").GetString());
            report += update.GetProperty("payload").TryGetProperty("text", out var text) ? text.GetString() : "";
        }

        Assert.Equal("Looked at 40 logs. Three name the same host. It ran out of disk at 03:12.", report);
    }

    [Fact]
    public async Task What_the_worker_adds_to_a_stream_while_no_relay_runs_is_there_when_one_does()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        (await ExampleRun.PythonAsync("worker/worker.py", "", "--redis", $"127.0.0.1:{redis.Port}", "--pause", "0", "--stream")).Succeeded();
        await using var node = await ExampleNode.StartAsync("Redis:Endpoints=127.0.0.1:" + redis.Port, "Redis:Updates:Streams=updates:stream");
        string?[] types = [];
        await Eventually.UntilAsync(
            async () =>
            {
                var history = await node.GetAsync("/api/v1/history?channel=users/alice");
                types = [.. history.GetProperty("events").EnumerateArray().Select(entry => entry.GetProperty("event").GetString())];
                return types.Length >= Story.Length;
            },
            "the stream's entries in the history of users/alice");
        Assert.Equal(Story, types);
    }

    [Fact]
    public async Task A_worker_without_Redis_says_so_in_one_line()
    {
        var run = await ExampleRun.PythonAsync("worker/worker.py", "", "--redis", $"127.0.0.1:{FreePort.Next()}");
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("worker: ", Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }
}
