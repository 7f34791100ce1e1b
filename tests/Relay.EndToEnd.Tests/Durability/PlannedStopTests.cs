using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>A node that leaves as planned keeps its journals until the last of its channels has ended (guarantees.md 10).</summary>
public sealed class PlannedStopTests
{
    [Fact]
    public async Task Channels_in_Redis_take_events_as_long_as_the_leaving_node_takes_requests()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        var start = NodeStart.With(
            ("Redis:Endpoints", redis.Endpoint), ("Namespaces:topics:Durability", "redis"), ("Redis:Updates:Streams", "in"), ("Drain:Seconds", "2"));
        var accepted = new List<string>();
        await using (var node = await NodeProcess.StartAsync(start))
        {
            await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

            // A client that does not answer the goodbye: the node waits for it and goes on serving meanwhile.
            using var deaf = await RawSocket.ConnectAsync(node.Port("main"));
            await deaf.OpenAsync("/relay");
            var stopping = node.StopAsync();
            await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 503, "the node is leaving");
            for (var n = 0; ; n++)
            {
                try
                {
                    var answer = await node.PostAsync("/api/v1/publish", $$"""{"channel":"topics/x","event":"e","data":{{n}}}""");
                    Assert.Equal(200, answer.Status);
                    accepted.Add(n.ToString());
                }
                catch (HttpRequestException)
                {
                    // The listener is closed.
                    break;
                }
            }

            Assert.Equal(0, await stopping);
            Assert.NotEmpty(accepted);
            node.AssertNoFailuresInLog();
        }

        // As Redis has it: what this is about is what the stop left there, not the next start.
        Assert.Equal(accepted.Count.ToString(), await redis.RunAsync("HGET", "relay:journal:{topics/x}:meta", "head"));
    }
}
