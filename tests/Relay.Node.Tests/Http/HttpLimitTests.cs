using System.Text;
using System.Text.Json;
using Relay.Node.Tests.EventStreams;

namespace Relay.Node.Tests.Http;

/// <summary>The limits at the doors of HTTP, on the real program: one user over all of them (docs/limits.md).</summary>
public sealed class HttpLimitTests
{
    [Fact]
    public async Task A_user_meets_its_limits_at_every_door_and_others_do_not()
    {
        await using var node = await StreamNode.StartAsync(
            "Auth:ApiKeys:0:Name=ann", "Auth:ApiKeys:0:Key=key-of-ann-0123456789abcdef", "Auth:ApiKeys:0:Rights=publish,subscribe",
            "Auth:ApiKeys:1:Name=bob", "Auth:ApiKeys:1:Key=key-of-bob-0123456789abcdef", "Auth:ApiKeys:1:Rights=publish,subscribe",
            "Limits:PublishesPerSecondPerUser=1", "Limits:MaxConnectionsPerUser=1", "Limits:QueueDelay=0");
        const string Item = """{"channel":"topics/x","event":"e"}""";

        // A burst of two seconds; so many that the time the requests take does not matter.
        var ann = new List<(int Status, string Body, HttpResponseMessage Answer)>();
        for (var i = 0; i < 3 || ann[^1].Status == 200; i++)
        {
            ann.Add(await PostAsync(node, "/api/v1/publish", Item, "ann"));
        }

        Assert.Equal(429, ann[^1].Status);
        Assert.NotNull(ann[^1].Answer.Headers.RetryAfter);
        var refusal = JsonDocument.Parse(ann[^1].Body).RootElement;
        Assert.Equal("RATE_LIMITED", refusal.GetProperty("code").GetString());
        Assert.Contains("limit publishes_per_user", refusal.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.InRange(refusal.GetProperty("retry_after_ms").GetInt64(), 1, 1000);

        var batch = await PostAsync(node, "/api/v1/batch", $$"""{"items":[{{string.Join(',', Enumerable.Repeat(Item, 50))}}]}""", "ann");
        Assert.Contains("limit publishes_per_user", batch.Body, StringComparison.Ordinal);
        Assert.Contains("limit publishes_per_user", await RefusedAsync("/publish", """{"target_user_id":"u","type":"t","payload":{}}""", 429), StringComparison.Ordinal);
        Assert.Contains("RATE_LIMITED", await RefusedAsync("/api/chat", """{"content":"hi"}""", 429), StringComparison.Ordinal);
        Assert.Contains("limit publishes_per_user", await RefusedAsync("/api/v1/publish/stream", Item + "\n", 200), StringComparison.Ordinal);
        Assert.Equal(200, (await PostAsync(node, "/api/v1/publish", Item, "bob")).Status);

        node.Bearer = "key-of-ann-0123456789abcdef";
        using (await node.SubscribeAsync("channels=topics/x"))
        {
            var (status, body, answer) = await node.RefusedAsync("channels=topics/x");
            Assert.Equal((429, "RATE_LIMITED"), (status, body.GetProperty("code").GetString()));
            Assert.Contains("limit connections_per_user", body.GetProperty("error").GetString(), StringComparison.Ordinal);
            answer.Dispose();
        }

        await node.SubscribersAsync("topics/x", 0);
        using var again = await node.SubscribeAsync("channels=topics/x");

        // Until it is: one answer may come when a bucket has just got a token again.
        async Task<string> RefusedAsync(string path, string body, int status)
        {
            while (true)
            {
                var (answered, text, _) = await PostAsync(node, path, body, "ann");
                if (answered == status && text.Contains("limit", StringComparison.OrdinalIgnoreCase))
                {
                    return text;
                }

                Assert.Equal(200, answered);
            }
        }
    }

    private static async Task<(int Status, string Body, HttpResponseMessage Answer)> PostAsync(StreamNode node, string path, string body, string user)
    {
        using var request = node.Request(HttpMethod.Post, path, $"key-of-{user}-0123456789abcdef");
        request.Content = new StringContent(body, Encoding.UTF8);
        var answer = await node.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer);
    }
}
