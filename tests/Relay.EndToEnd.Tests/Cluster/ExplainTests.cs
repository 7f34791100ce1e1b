using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>What became of an event is told by any node of a cluster, with its cause, whichever node the client was on (docs/operations-admin.md).</summary>
public sealed class ExplainTests(ITestOutputHelper output)
{
    private const string Key = "admin-key-0123456789abcdef0123456789abcde";

    /// <summary>Of 60 kB each: more than kernels keep for a socket that is not read.</summary>
    private const int Flood = 150;

    private static readonly string Padding = new('x', 60_000);

    [Fact]
    public async Task Every_cause_is_named_by_a_node_that_had_no_part_in_it()
    {
        await using var group = await NodeGroup.StartAsync(
            3,
            ("Auth:Required", "true"), ("Auth:Jwt:Keys:0:Secret", Tokens.Secret),
            ("Auth:ApiKeys:0:Key", Key), ("Auth:ApiKeys:0:Name", "ops"), ("Auth:ApiKeys:0:Rights", "publish,subscribe,admin"),
            ("Limits:UnsentBytes", "256KiB"), ("Namespaces:topics:WhenSlow", "conflate"), ("Namespaces:projects:WhenSlow", "dropOldest"), ("Explain:Bytes", "1MiB"));
        await using var acks = await ClientAsync(group[0], "acks", "topics/a");
        await using var silent = await ClientAsync(group[1], "silent", "topics/a");
        await using var filters = await ClientAsync(group[2], "filters", "topics/a", ""","filter":{"events":["task.*"]}""");
        await using var stranger = await group[2].NativeAsync(Token("stranger"));
        await using var refused = await group[1].NativeAsync(Tokens.Of("\"sub\":\"refused\",\"rights\":{}"));
        await refused.SendAsync("""{"type":"subscribe","channel":"topics/a","id":"s"}""");
        Assert.False((await refused.NextJsonAsync("id", "s")).GetProperty("success").GetBoolean());

        // Everybody on topics/a is judged for the same event.
        await PublishAsync(group[1], "topics/a", "one", "note");
        await silent.NextJsonAsync("event", "note");
        var got = await acks.NextJsonAsync("event", "note");
        await acks.SendAsync($$"""{"type":"ack","message_id":"{{got.Text("message_id") ?? got.Text("id")}}"}""");
        await Eventually.UntilAsync(async () => (await VerdictAsync(group[2], "one", "acks")).Text("verdict") == "acked", "the ack came in");
        await NamesAsync(group[2], "one", "acks", "acked", "queued_at,written_at,acked_at");
        await NamesAsync(group[0], "one", "silent", "written", "queued_at,written_at");
        await NamesAsync(group[0], "one", "filters", "filtered");
        await NamesAsync(group[0], "one", "stranger", "not_subscribed");
        await NamesAsync(group[0], "one", "refused", "subscribe_refused");
        var all = await ExplainAsync(group[2], "one");
        Assert.Equal("accepted", all.Text("status"));
        Assert.Equal("""["n1","n2","n3"]""", all.GetProperty("accepted").Raw("routed_to"));
        Assert.Equal("""{"acked":1,"filtered":1,"subscribe_refused":1,"written":1}""", all.Raw("counts"));

        // By the server's own id as well.
        Assert.Equal("acked", (await VerdictAsync(group[1], all.GetProperty("accepted").Text("id")!, "acks")).Text("verdict"));

        await PublishersAsync(group);
        await AwayAsync(group);
        await EndedAsync(group);
        await SlowAsync(group, "topics/load", "conflated", "conflates");
        await SlowAsync(group, "projects/load", "dropped", "drops");
        await SlowAsync(group, "users/cut", "cut_off", "cut");
        foreach (var node in group.Nodes)
        {
            node.AssertNoFailuresInLog();
        }
    }

    // A repeat, a publish without the right, and one that never was.
    private async Task PublishersAsync(NodeGroup group)
    {
        await PublishAsync(group[0], "topics/b", "twice", "note");
        await PublishAsync(group[2], "topics/b", "twice", "note");
        var twice = await ExplainAsync(group[1], "twice");
        Assert.Equal("accepted", twice.Text("status"));
        var attempt = Assert.Single(twice.GetProperty("attempts").EnumerateArray());
        Assert.Equal("duplicate", attempt.Text("outcome"));
        Assert.Equal("n3", attempt.Text("node"));

        Assert.Equal(403, (await group[1].PostAsync("/api/v1/publish", """{"channel":"users/other","event":"e","id":"forbidden"}""", bearer: Token("acks"))).Status);
        var forbidden = await ExplainAsync(group[0], "forbidden");
        Assert.Equal("not_authorized", forbidden.Text("status"));
        Assert.Equal("acks", forbidden.GetProperty("attempts")[0].Text("publisher"));
        Assert.Equal("unknown", (await ExplainAsync(group[0], "never-was")).Text("status"));
    }

    // A client that was away: what it missed is brought, what expired is not.
    private async Task AwayAsync(NodeGroup group)
    {
        string session;
        JsonElement ack;
        await using (var before = await WsClient.ConnectAsync(group[1].Ws("/relay"), "relay.v1", Token("away")))
        {
            session = (await before.NextJsonAsync("type", "connected")).Text("session")!;
            ack = await before.SubscribeAsync("topics/c");
        }

        await Eventually.UntilAsync(async () => !(await group[1].GetAsync("/api/v1/channels?scope=node", bearer: Key)).Body.Contains("topics/c", StringComparison.Ordinal), "it is gone");
        await PublishAsync(group[0], "topics/c", "missed", "note");
        await PublishAsync(group[0], "topics/c", "short", "note", ",\"ttl\":1");
        await NamesAsync(group[0], "missed", "away", "connection_ended");
        await using var after = await group[2].NativeAsync(Token("away"));
        await after.SendAsync($$"""{"type":"resume","id":"r","session":"{{session}}","positions":{"topics/c":{"epoch":"{{ack.Text("epoch")}}","offset":{{ack.Number("offset")}}} } }""");
        Assert.True((await after.NextJsonAsync("id", "r")).GetProperty("success").GetBoolean());
        await after.NextJsonAsync("event", "note");
        await after.AssertAnswersAsync();

        // The connection that ended has its own verdict; the one that took its session up has the event.
        var missed = (await ExplainAsync(group[0], "missed", "&user=away")).GetProperty("verdicts").EnumerateArray().Single(one => one.Text("node") == "n3");
        Assert.Equal(("written", "catch_up"), (missed.Text("verdict"), missed.Text("by")));
        var expired = (await ExplainAsync(group[1], "short", "&user=away")).GetProperty("verdicts").EnumerateArray().Single(one => one.Text("node") == "n3");
        Assert.Equal("expired", expired.Text("verdict"));
    }

    private async Task EndedAsync(NodeGroup group)
    {
        await using var revoked = await ClientAsync(group[0], "revoked", "topics/d");
        Assert.Equal(200, (await group[1].PostAsync("/api/v1/revoke", """{"user":"revoked"}""", bearer: Key)).Status);
        Assert.Equal(4401, (await revoked.EndAsync()).Code);
        await PublishAsync(group[1], "topics/d", "late", "note");
        await NamesAsync(group[2], "late", "revoked", "token_ended");
    }

    // A client that never reads gets what fits into the kernel's buffers; then its namespace's policy decides.
    private async Task SlowAsync(NodeGroup group, string channel, string verdict, string user)
    {
        using var slow = await RawSocket.ConnectAsync(group[2].Port("main"), receiveBuffer: 4096);
        await slow.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1", "Authorization: Bearer " + Token(user));
        await slow.SendAsync(RawSocket.Text($$"""{"type":"subscribe","channel":"{{channel}}","id":"s"}"""));
        await Eventually.UntilAsync(async () => (await group[2].GetAsync("/api/v1/channels?scope=node", bearer: Key)).Body.Contains(channel, StringComparison.Ordinal), "it has subscribed");
        for (var n = 1; n <= Flood; n++)
        {
            await PublishAsync(group[0], channel, $"{user}-{n}", "load", $$""","key":"k","data":"{{Padding}}" """);
        }

        // The first went out; of those before the last few, which may still wait, nothing is there any more.
        await Eventually.UntilAsync(async () => (await VerdictAsync(group[1], $"{user}-{Flood - 10}", user)).Text("verdict") == verdict, verdict);
        await NamesAsync(group[1], $"{user}-{Flood - 10}", user, verdict, "queued_at");
        await NamesAsync(group[1], $"{user}-1", user, "written", "queued_at,written_at");
        if (verdict != "cut_off")
        {
            await NamesAsync(group[1], $"{user}-{Flood}", user, "queued", "queued_at");
        }
    }

    private async Task NamesAsync(NodeProcess asked, string message, string user, string verdict, string times = "")
    {
        var found = await VerdictAsync(asked, message, user);
        Assert.True(found.Text("verdict") == verdict, $"{verdict} expected of {user}: {found}");
        Assert.Equal(times, string.Join(',', found.EnumerateObject().Select(static member => member.Name).Where(static name => name is "queued_at" or "written_at" or "acked_at")));
        Assert.NotEmpty(found.Text("reason")!);
    }

    private async Task<JsonElement> VerdictAsync(NodeProcess asked, string message, string user) =>
        Assert.Single((await ExplainAsync(asked, message, "&user=" + user)).GetProperty("verdicts").EnumerateArray());

    private async Task<JsonElement> ExplainAsync(NodeProcess asked, string message, string more = "")
    {
        var began = TimeProvider.System.GetTimestamp();
        var answer = await asked.GetAsync($"/api/v1/explain?message={message}{more}", bearer: Key);

        // For who reads the output.
        output.WriteLine($"{message}{more}: {TimeProvider.System.GetElapsedTime(began).TotalMilliseconds:0} ms");
        Assert.True(answer.Status == 200, answer.Body);
        return answer.Json;
    }

    private static async Task PublishAsync(NodeProcess node, string channel, string id, string name, string more = "")
    {
        var answer = await node.PostAsync("/api/v1/publish", $$"""{"channel":"{{channel}}","event":"{{name}}","id":"{{id}}"{{more}}}""", bearer: Key);
        Assert.True(answer.Status == 200, answer.Body);
    }

    private static async Task<WsClient> ClientAsync(NodeProcess node, string user, string channel, string more = "")
    {
        var client = await node.NativeAsync(Token(user));
        await client.SubscribeAsync(channel, more);
        return client;
    }

    private static string Token(string user) => Tokens.Of($"\"sub\":\"{user}\"");
}
