using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>protocols.md, <c>context</c>, channel <c>metrics</c>: for the whole cluster, once.</summary>
public sealed class ClusterMetricsTests
{
    [Fact]
    public async Task Figures_are_said_once_for_all_nodes_and_a_dead_node_counts_no_more()
    {
        await using var group = await NodeGroup.StartAsync(3, ("Metrics:Interval", "1s"));
        await using var watcher = await group[0].NativeAsync();
        await watcher.SubscribeAsync("metrics");
        var agents = new List<WsClient>();
        foreach (var node in group.Nodes)
        {
            var agent = await node.ContextAsync();
            await agent.SendAsync($$"""{"type":"auth","agent_id":"agent-{{agents.Count}}","id":"a"}""");
            await agent.NextJsonAsync("id", "a");
            agents.Add(agent);

            // Tasks of one project begin on channels of any node.
            for (var task = 0; task < 4; task++)
            {
                await PublishAsync(node, $"agents/{agents.Count}-{task}", "task.created", $"t{agents.Count}-{task}");
            }

            await using var chat = await node.WebUiAsync();
            await chat.AskAsync("""{"type":"session_create"}""");
        }

        await PublishAsync(group[2], "global", "task.completed", "t1-0");
        await PublishAsync(group[0], "global", "task.updated", "t2-0", "running");
        await FiguresAsync(watcher, "all is counted", static data =>
            (data.Number("active_agents"), data.Number("active_sessions"), data.Number("pending_tasks"), data.Number("running_tasks"), data.Number("completed_tasks_last_hour")) == (3, 3, 10, 1, 1));

        // Also for a node that comes later.
        var fourth = await group.AddAsync();
        await group[1].KillAsync();
        await using var late = await fourth.NativeAsync();
        await late.SubscribeAsync("metrics");
        foreach (var listener in new[] { late, watcher })
        {
            await FiguresAsync(listener, "a dead node's agent is gone, its sessions live on another, tasks stay", static data =>
                (data.Number("active_agents"), data.Number("active_sessions"), data.Number("pending_tasks"), data.Number("running_tasks"), data.Number("completed_tasks_last_hour")) == (2, 3, 10, 1, 1));
        }

        // One node's clock is all nodes' here, so two for one interval would be two of one second.
        var seconds = new List<long>();
        while (seconds.Count < 5)
        {
            seconds.Add((await watcher.NextJsonAsync("event", "metric.update")).GetProperty("data").Number("timestamp") / 1000);
        }

        Assert.Equal(seconds.Distinct(), seconds);
        await using var again = await group[2].ContextAsync();
        await again.SendAsync("""{"type":"auth","agent_id":"agent-0","id":"a"}""");
        await again.NextJsonAsync("id", "a");
        await agents[0].DisposeAsync();
        await agents[2].DisposeAsync();
        await FiguresAsync(watcher, "an agent with a connection elsewhere stays", static data => data.Number("active_agents") == 1);
        await agents[1].DisposeAsync();
    }

    private static async Task PublishAsync(NodeProcess node, string channel, string name, string task, string status = "")
    {
        var answer = await node.PostAsync("/api/v1/publish", $$"""{"channel":"{{channel}}","event":"{{name}}","data":{"id":"{{task}}","status":"{{status}}"} }""");
        Assert.True(answer.Status == 200, answer.Body);
    }

    private static async Task FiguresAsync(WsClient watcher, string what, Func<JsonElement, bool> match)
    {
        JsonElement last = default;
        try
        {
            await Eventually.UntilAsync(
                async () =>
                {
                    last = (await watcher.NextJsonAsync("event", "metric.update")).GetProperty("data");
                    return match(last);
                },
                what);
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"{what}: {last}", failure);
        }
    }
}
