using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>The lists of who is present, of all nodes, against who is connected (guarantees.md 7).</summary>
internal static class PresenceLists
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Lets all clients come and stay, then waits until each node's list of each channel is who is connected, nobody less and nobody more. Publishers go on meanwhile.
    /// </summary>
    /// <returns>How long the lists took when all were there.</returns>
    public static async Task<TimeSpan> AgreeAsync(DurabilityRun run, IReadOnlySet<string> channels)
    {
        var members = run.Subscribers.Where(one => one.Channels.Any(channels.Contains)).ToList();
        members.ForEach(static one => one.Stays = true);
        await run.WhileClientsAreWellAsync(Eventually.Until(() => members.TrueForAll(static one => one.Present is not null), Bound));
        var began = TimeProvider.System.GetTimestamp();
        await run.WhileClientsAreWellAsync(Eventually.UntilAsync(
            async () =>
            {
                foreach (var node in run.Nodes)
                {
                    await Task.WhenAll(channels.Select(async channel => Compare(channel, await ListAsync(await node.CurrentAsync(), channel), members)));
                }

                return true;
            },
            "the lists name who is connected",
            Bound));
        members.ForEach(static one => one.Stays = false);
        return TimeProvider.System.GetElapsedTime(began);
    }

    private static async Task<HashSet<string>> ListAsync(NodeProcess node, string channel)
    {
        var answer = await node.GetAsync("/api/v1/presence?channel=" + channel);
        Assert.Equal(200, answer.Status);
        var listed = answer.Json.GetProperty("members").EnumerateArray().Select(static member => member.Text("client_id")!).ToList();
        Assert.Equal(listed.Count, answer.Json.Number("count"));
        return new HashSet<string>(listed, StringComparer.Ordinal);
    }

    private static void Compare(string channel, HashSet<string> listed, List<RecordedSubscriber> members)
    {
        var connected = members.Where(one => one.Channels.Contains(channel, StringComparer.Ordinal)).Select(static one => one.Present ?? "on its way").ToList();
        Assert.True(
            connected.Count == listed.Count && connected.TrueForAll(listed.Contains),
            $"{channel}: {listed.Count(one => !connected.Contains(one))} ghosts and {connected.Count(one => !listed.Contains(one))} missing, of {connected.Count}");
    }
}
