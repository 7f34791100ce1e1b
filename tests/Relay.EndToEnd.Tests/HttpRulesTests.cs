using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests;

/// <summary>Versions, batches, last values, times and ranges through the server API and the native WebSocket (protocols.md, <c>relay</c>).</summary>
public sealed class HttpRulesTests(HttpTests.Node shared) : IClassFixture<HttpTests.Node>
{
    private readonly NodeProcess _node = shared.Process;

    [Fact]
    public async Task A_versioned_publish_is_accepted_once_and_a_conflict_names_the_current_version()
    {
        const string First = """{"channel":"topics/v1","event":"e","data":1,"key":"k","if_version":0,"id":"i1"}""";
        var first = await PublishAsync(First);
        Assert.Equal(200, first.Status);
        var epoch = first.Json.Text("epoch");
        var conflict = await PublishAsync("""{"channel":"topics/v1","event":"e","data":2,"key":"k","if_version":0,"id":"i2"}""");
        Assert.Equal(409, conflict.Status);
        Assert.Equal("success,code,error,current", conflict.Json.Keys());
        Assert.Equal("VERSION_MISMATCH", conflict.Json.Text("code"));
        Assert.Equal((epoch, 1), (conflict.Json.GetProperty("current").Text("epoch"), conflict.Json.GetProperty("current").Number("offset")));
        var next = await PublishAsync($$"""{"channel":"topics/v1","event":"e","data":2,"key":"k","if_version":{"epoch":"{{epoch}}","offset":1},"id":"i2"}""");
        Assert.Equal((200, 2), (next.Status, next.Json.Number("offset")));
        var repeat = await PublishAsync(First);
        Assert.Equal((200, 1), (repeat.Status, repeat.Json.Number("offset")));
        Assert.True(repeat.Json.GetProperty("duplicate").GetBoolean());
        var none = await PublishAsync("""{"channel":"topics/v1","event":"e","key":"other","if_version":2}""");
        Assert.Equal((409, JsonValueKind.Null), (none.Status, none.Json.GetProperty("current").ValueKind));
    }

    [Theory]
    [InlineData("""{"channel":"topics/v2","event":"e","if_version":0}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","if_version":null}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":-1}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":"1"}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":1.5}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":{"epoch":"k3j9x2ab"}}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":{"epoch":"k3j9x2ab","offset":0}}""")]
    [InlineData("""{"channel":"topics/v2","event":"e","key":"k","if_version":{"epoch":7,"offset":1}}""")]
    public async Task A_version_that_cannot_be_read_is_refused(string body)
    {
        var answer = await PublishAsync(body);
        Assert.Equal((400, "INVALID_MESSAGE"), (answer.Status, answer.Json.Text("code")));
        Assert.Contains("if_version", answer.Json.Text("error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_item_of_a_batch_has_its_own_result_and_an_invalid_one_stops_no_other()
    {
        var batch = await _node.PostAsync("/api/v1/batch", """
            {"items":[
                {"channel":"topics/b1","event":"e","data":1,"id":"i1","key":"k","if_version":0},
                7,
                {"channel":"topics/b1","event":"e","data":2,"key":"k","if_version":0},
                {"channel":"topics/b1","event":"","data":3},
                {"channel":"topics/b1","event":"e","data":4,"key":"k","if_version":1},
                {"channel":"topics/b1","event":"e","data":5,"if_version":1},
                {"channel":"topics/b1","event":"e","data":1,"id":"i1"},
                {"channel":"topics/b2","event":"e","data":6}
            ]}
            """);
        Assert.Equal(200, batch.Status);
        Assert.False(batch.Json.GetProperty("success").GetBoolean());
        Assert.Equal("1, INVALID_MESSAGE, VERSION_MISMATCH, INVALID_MESSAGE, 2, INVALID_MESSAGE, 1 again, 1", Results(batch.Json));
        Assert.Equal("1 4", await DataAsync("channel=topics/b1"));
    }

    [Fact]
    public async Task History_gives_last_values_ranges_and_what_followed_a_time()
    {
        foreach (var (key, data) in new[] { ("a", 1), ("b", 2), ("a", 3), ("c", 4) })
            await PublishAsync($$"""{"channel":"topics/h1","event":"e","key":"{{key}}","data":{{data}}}""");

        var all = (await HistoryAsync("channel=topics/h1")).Json;
        var epoch = all.Text("epoch");
        Assert.False(all.TryGetProperty("recovered", out _));
        Assert.Equal("2 3 4", await DataAsync("channel=topics/h1&last_per_key=true"));
        Assert.Equal("3", await DataAsync("channel=topics/h1&key=a"));
        Assert.Equal("3 4", await DataAsync($"channel=topics/h1&last_per_key=true&since={epoch}:2"));
        Assert.Equal("recovered: 2 3", await AnswerAsync($"channel=topics/h1&since={epoch}:1&until=3"));
        Assert.Equal("gone: 3 4", await AnswerAsync($"channel=topics/h1&since={epoch}:2&until=5"));
        Assert.Equal("gone: ", await AnswerAsync("channel=topics/h1&since=00000001:2&until=4"));
        var second = all.GetProperty("events")[1].GetProperty("timestamp").GetInt64();
        Assert.EndsWith("3 4", await AnswerAsync($"channel=topics/h1&since_time={second}"), StringComparison.Ordinal);
        Assert.StartsWith("recovered: ", await AnswerAsync($"channel=topics/h1&since_time={second}"), StringComparison.Ordinal);
        Assert.Equal("gone: 1 2 3 4", await AnswerAsync("channel=topics/h1&since_time=0"));
        Assert.Equal("recovered: ", await AnswerAsync("channel=topics/h1&since_time=9999999999999"));
    }

    [Theory]
    [InlineData("until=3")]
    [InlineData("since=00000001:4&until=3")]
    [InlineData("since=00000001:4&until=x")]
    [InlineData("since=00000001:4&until=9&key=a")]
    [InlineData("since_time=-1")]
    [InlineData("since_time=yesterday")]
    [InlineData("since_time=1&since=00000001:4")]
    [InlineData("since_time=1&last_per_key=true")]
    [InlineData("last_per_key=1")]
    [InlineData("limit=1001")]
    [InlineData("key=a&limit=10001")]
    public async Task A_question_that_cannot_be_answered_is_refused(string query)
    {
        var answer = await HistoryAsync("channel=topics/x&" + query);
        Assert.Equal((400, "INVALID_MESSAGE"), (answer.Status, answer.Json.Text("code")));
    }

    [Fact]
    public async Task A_batch_and_the_last_values_go_over_the_native_websocket()
    {
        await using var client = await _node.NativeAsync();
        await client.SendAsync("""{"type":"publish_batch","id":"b","items":[{"channel":"topics/w1","event":"e","key":"a","data":1},{"channel":"topics/w1","event":"e","key":"a","data":2,"if_version":0}]}""");
        var ack = await client.NextJsonAsync("id", "b");
        Assert.Equal("1, VERSION_MISMATCH", Results(ack));
        await client.SendAsync("""{"type":"subscribe","channel":"topics/w1","last_per_key":true,"id":"s"}""");
        Assert.True((await client.NextJsonAsync("id", "s")).GetProperty("success").GetBoolean());
        Assert.Equal(1, (await client.NextJsonAsync("key", "a")).Number("data"));
    }

    [Fact]
    public async Task Last_values_and_versions_of_a_durable_channel_outlive_the_node_and_its_history()
    {
        using var folder = new TempFolder();
        var start = NodeStart.With(
            ("Namespaces:topics:Durability", "sql"), ("Storage:Path", folder.Path), ("Namespaces:topics:HistoryLength", "5"), ("Namespaces:topics:KeyedValues", "2"));
        string epoch;
        await using (var node = await NodeProcess.StartAsync(start))
        {
            epoch = (await node.PostAsync("/api/v1/publish", """{"channel":"topics/d","event":"e","key":"a","data":1}""")).Json.Text("epoch")!;
            var items = string.Join(',', Enumerable.Range(2, 300).Select(static i => $$"""{"channel":"topics/d","event":"e","data":{{i}}}"""));
            Assert.True((await node.PostAsync("/api/v1/batch", "{\"items\":[" + items + "]}")).Json.GetProperty("success").GetBoolean());
            await node.PostAsync("/api/v1/publish", """{"channel":"topics/d","event":"e","key":"b","data":302}""");
            await node.KillAsync();
        }

        await using var next = await NodeProcess.StartAsync(start);
        var values = (await next.GetAsync("/api/v1/history?channel=topics/d&last_per_key=true")).Json;
        Assert.Equal(epoch, values.Text("epoch"));
        Assert.Equal([1, 302], values.GetProperty("events").EnumerateArray().Select(static one => one.Number("data")));
        var conflict = await next.PostAsync("/api/v1/publish", """{"channel":"topics/d","event":"e","key":"a","if_version":0}""");
        Assert.Equal((409, 1), (conflict.Status, conflict.Json.GetProperty("current").Number("offset")));
        Assert.Equal(200, (await next.PostAsync("/api/v1/publish", $$"""{"channel":"topics/d","event":"e","key":"a","if_version":{"epoch":"{{epoch}}","offset":1} }""")).Status);
        next.AssertNoFailuresInLog();
    }

    private static string Results(JsonElement answer) => string.Join(", ", answer.GetProperty("results").EnumerateArray().Select(Describe));

    private static string Describe(JsonElement result) => result.GetProperty("success").GetBoolean()
        ? result.Number("offset") + (result.GetProperty("duplicate").GetBoolean() ? " again" : "")
        : result.Text("code")!;

    private Task<Answer> PublishAsync(string body) => _node.PostAsync("/api/v1/publish", body);

    private Task<Answer> HistoryAsync(string query) => _node.GetAsync("/api/v1/history?" + query);

    private async Task<string> DataAsync(string query) => Data((await HistoryAsync(query)).Json);

    private async Task<string> AnswerAsync(string query)
    {
        var answer = (await HistoryAsync(query)).Json;
        return (answer.GetProperty("recovered").GetBoolean() ? "recovered: " : "gone: ") + Data(answer);
    }

    private static string Data(JsonElement answer) => string.Join(' ', answer.GetProperty("events").EnumerateArray().Select(static one => one.Number("data")));
}
