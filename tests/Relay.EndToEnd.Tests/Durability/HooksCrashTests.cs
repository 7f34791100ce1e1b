using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>The hooks monitor's memory under <c>kill -9</c> of the node, where namespace <c>hooks</c> is durable (protocols.md, <c>hooks</c>).</summary>
public sealed class HooksCrashTests
{
    [Fact]
    public async Task Status_history_and_what_a_client_missed_are_there_after_a_kill()
    {
        using var folder = new TempFolder();
        await using var nodes = new RestartedNode(NodeStart.With(("Namespaces:hooks:Durability", "sql"), ("Storage:Path", folder.Path)));
        await nodes.StartAsync();
        var node = await nodes.CurrentAsync();
        string seen;
        string history;
        await using (var sender = await node.HooksAsync())
        await using (var watcher = await node.HooksAsync())
        {
            await sender.SendAsync("""{"type":"session.start","timestamp":"2026-01-01T00:00:00Z","data":{"session_id":"s9","pid":41,"cwd":"/w"}}""");
            await watcher.NextJsonAsync("type", "session.start");
            seen = (await watcher.AskAsync("""{"command":"get_history","params":{"since":{}}}""")).Raw("data");
            for (var i = 1; i <= 3; i++)
            {
                await sender.SendAsync($$$"""{"type":"hook.stop","data":{"n":{{{i}}}}}""");
                await watcher.NextJsonAsync("type", "hook.stop");
            }

            history = (await watcher.AskAsync("""{"command":"get_history"}""")).GetRawText();
        }

        await nodes.KillAndRestartAsync();
        node = await nodes.CurrentAsync();
        await using var late = await WsClient.ConnectAsync(node.Ws("/", "hooks"));
        var status = (await late.NextJsonAsync()).GetProperty("data");
        Assert.Equal(("s9", "running", 41), (status.Text("session_id"), status.Text("claude_status"), status.Number("claude_pid")));
        Assert.Equal(history, (await late.AskAsync("""{"command":"get_history"}""")).GetRawText());
        var place = Json.Parse(seen);
        var missed = (await late.AskAsync(
            $$$"""{"command":"get_history","params":{"since":{"epoch":"{{{place.Text("epoch")}}}","offset":{{{place.Number("offset")}}}},"limit":1}}""")).GetProperty("data");
        Assert.Equal("events,epoch,offset,recovered", missed.Keys());
        Assert.True(missed.GetProperty("recovered").GetBoolean());
        Assert.Equal([1L, 2, 3], missed.GetProperty("events").EnumerateArray().Select(static one => one.GetProperty("data").Number("n")));
        Assert.Equal((place.Text("epoch"), 4), (missed.Text("epoch"), missed.Number("offset")));
        Assert.Equal(JsonValueKind.False, place.GetProperty("recovered").ValueKind);
    }
}
