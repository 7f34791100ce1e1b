using System.Net.Http.Headers;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests;

/// <summary>Bytes that are no UTF-8, by every way in: a text frame with them would end the connection of whoever gets it (RFC 6455, 8.1).</summary>
public sealed class BrokenTextTests
{
    private const byte Broken = 0xFF;

    public static TheoryData<string, string> Ways => new()
    {
        { "/api/v1/publish", """{"channel":"topics/x","event":"e","data":"?"}""" },
        { "/api/v1/publish", """{"channel":"topics/x","event":"e","data":{"?":1}}""" },
        { "/api/v1/publish", """{"channel":"topics/x","event":"e","unknown":"?"}""" },
        { "/api/v1/broadcast", """{"channels":["topics/x","topics/y"],"event":"e","data":"?"}""" },
        { "/api/v1/batch", """{"items":[{"channel":"topics/x","event":"e","data":1},{"channel":"topics/x","event":"e","data":["?"]}]}""" },
        { "/publish", """{"channel":"topics/x","type":"e","payload":"?"}""" },
        { "/api/chat", """{"content":"?"}""" },
        { "/api/chat", """{"content":"hi","unknown":"?"}""" },
        { "/api/auth/token", """{"agent_id":"a?"}""" },
    };

    [Fact]
    public async Task What_is_no_UTF_8_is_refused_and_reaches_nobody()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint), ("Redis:Updates:Streams", "in"));
        await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");
        await using var native = await node.NativeAsync();
        await native.SubscribeAsync("topics/x");
        using var http = new HttpClient();
        foreach (var (path, body) in Ways.Select(static row => ((string)row[0], (string)row[1])))
        {
            using var answer = await PostAsync(http, node, path, body);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True((int)answer.StatusCode == 400, $"{path} {body}: {answer.StatusCode} {text}");
            Assert.True(path == "/publish" || text.StartsWith('{'), text);
        }

        using (var lines = await PostAsync(http, node, "/api/v1/publish/stream", """{"channel":"topics/x","event":"e","data":"?"}"""))
        {
            Assert.Contains("INVALID_MESSAGE", await lines.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // Lua's \255 is the byte; whole ones behind them tell that they were looked at.
        foreach (var command in new[] { "'PUBLISH','updates',", "'XADD','in','*','json'," })
        {
            await redis.RunAsync("EVAL", "return redis.call(" + command + """'{"channel":"topics/x","type":"e","payload":"\255"}')""", "0");
            await redis.RunAsync("EVAL", "return redis.call(" + command + """'{"channel":"topics/x","type":"whole"}')""", "0");
            Assert.Equal("whole", (await native.NextJsonAsync("channel", "topics/x")).Text("event"));
        }

        await native.AssertAnswersAsync();
        Assert.Equal(2, (await node.GetAsync("/api/v1/history?channel=topics/x")).Json.Number("offset"));
        node.AssertNoFailuresInLog();
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, NodeProcess node, string path, string body)
    {
        using var content = new ByteArrayContent([.. Encoding.ASCII.GetBytes(body).Select(static one => one == (byte)'?' ? Broken : one)]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await http.PostAsync(node.Http(path), content);
    }
}
