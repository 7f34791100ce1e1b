using System.Text;
using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using static Relay.EndToEnd.Tests.Security.Attack;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S21, S23 to S28, S31, S32: messages, names and rights (docs/security-tests.md).</summary>
[Collection(HostileCollection.Name)]
public sealed class MessageTests(HostileNode hostile)
{
    private readonly NodeProcess _node = hostile.Process;

    /// <summary>S21.</summary>
    [Fact]
    public async Task S21_JSON_that_is_hostile_is_answered_and_harms_nobody()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.ServiceKey);
        string[] refused =
        [
            new string('[', 10_000), string.Concat(Enumerable.Repeat("{\"a\":", 10_000)), "NaN", "{\"type\":\"publish\",\"channel\":\"topics/a\",\"event\":\"e\",\"data\":NaN,\"id\":\"1\"}",
            "{\"type\":\"ping\",\"type\":\"publish\"", "\uFEFF{\"type\":\"ping\"}", "{\"type\":1e999}", "[]", "null", "{}", "{\"type\":\"__proto__\"}", "{\"type\":\"constructor\",\"__proto__\":{}}", "'single'", "{type:1}",
            "{\"type\":\"publish\",\"channel\":\"topics/a\",\"event\":\"\\ud800\",\"data\":1,\"id\":\"1\"}", "{\"type\":\"publish\",\"channel\":{\"$ne\":1},\"event\":[],\"id\":{}}",
        ];
        foreach (var text in refused)
        {
            await client.SendAsync(text);
            var answer = await client.NextJsonAsync();
            Assert.True(answer.TryGetProperty("code", out _) && !(answer.TryGetProperty("success", out var success) && success.GetBoolean()), $"{text[..Math.Min(60, text.Length)]}: {answer.GetRawText()}");
        }

        await client.AssertAnswersAsync();

        // What looks like another encoding, or is larger than a message may be, ends its own connection.
        using (var socket = await OpenNativeAsync(_node))
        {
            await socket.SendAsync(RawSocket.Frame(Opcode.Text, Encoding.Unicode.GetBytes("{\"type\":\"ping\",\"id\":\"\ud83d\ude00\"}")));
            Assert.Equal(1007, await socket.CloseCodeAsync());
        }

        using (var socket = await OpenNativeAsync(_node))
        {
            await socket.TrySendAsync(RawSocket.Text($$"""{"type":"publish","channel":"topics/a","event":"e","data":"{{new string('x', 1 << 20)}}"}"""));
            Assert.Equal(1009, await socket.CloseCodeAsync());
        }

        // Names that matter to some script are data like any other.
        await client.SubscribeAsync("topics/proto");
        await client.SendAsync("""{"type":"publish","channel":"topics/proto","event":"e","id":"p","data":{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}}""");
        Assert.Equal("""{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}""", (await client.NextJsonAsync("event", "e")).GetProperty("data").GetRawText());
        await watch.PassAsync();
    }

    /// <summary>S23.</summary>
    [Fact]
    public async Task S23_Malformed_messages_before_and_after_signing_in_concern_their_sender_alone()
    {
        var watch = await hostile.WatchAsync();
        string[] messages =
        [
            "nonsense", "{\"type\":\"auth\"}", "{\"type\":\"auth\",\"token\":7}", "{\"type\":\"auth\",\"token\":\"x\",\"id\":[]}", "{\"type\":\"subscribe\"}", "{\"type\":\"subscribe\",\"channel\":7,\"id\":\"a\"}",
            "{\"type\":\"publish\",\"channel\":\"a\"}", "{\"type\":\"ack\",\"id\":{}}", "{\"type\":\"nobody-knows\"}", "{\"type\":\"unsubscribe\",\"channel\":null}", "{\"id\":\"only\"}", "{\"type\":true}",
        ];
        await using (var before = await _node.ContextAsync())
        {
            foreach (var message in messages)
            {
                await before.SendAsync(message);
            }

            await before.SendAsync($$"""{"type":"auth","token":"{{HostileNode.TokenOf("builder")}}","id":"in"}""");
            Assert.True((await before.NextJsonAsync("id", "in")).GetProperty("success").GetBoolean());
            foreach (var message in messages)
            {
                await before.SendAsync(message);
            }

            // The same id again and again is the client's own affair.
            await before.SendAsync("""{"type":"ping","id":"same"}""");
            await before.SendAsync("""{"type":"ping","id":"same"}""");
            await before.NextJsonAsync("type", "pong");
            await before.NextJsonAsync("type", "pong");
        }

        await watch.PassAsync();
    }

    /// <summary>S24.</summary>
    [Fact]
    public async Task S24_Names_of_channels_are_taken_from_an_allow_list()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.ServiceKey);
        string[] names =
        [
            "", "topics", "/topics/a", "topics/" + new string('a', 10_000), "topics/a\\r\\nb", "topics/\\u0000", "../users/a", "__redis__", "__keyspace@0__", "{tag}", ">", "*", "$share/a", "nowhere/a", "TOPICS/a", "users/", "t\\u043epics/a",
        ];
        foreach (var name in names)
        {
            await client.SendAsync($$"""{"type":"publish","channel":"{{name}}","event":"e","data":1,"id":"n"}""");
            var answer = await client.NextJsonAsync("id", "n");
            Assert.False(answer.GetProperty("success").GetBoolean(), $"{name[..Math.Min(40, name.Length)]}: {answer.GetRawText()}");
        }

        // Behind a known namespace any text is a name, and each its own: nothing is resolved, folded or matched.
        string[] twins = ["topics/twin", "topics/Twin", "topics/twin ", "topics/../topics/twin", "topics//twin", "topics/%74win", "topics/\\u00e9", "topics/e\\u0301", "topics/tw\\u0456n", "topics/{twin}", "topics/twin;DEL", "users/../topics/twin"];
        foreach (var (name, i) in twins.Select(static (name, i) => (name, i)))
        {
            await client.SendAsync($$"""{"type":"publish","channel":"{{name}}","event":"e","data":1,"id":"t{{i}}"}""");
            var answer = await client.NextJsonAsync("id", "t" + i);
            Assert.Equal(1, answer.Number("offset"));
        }

        await client.AssertAnswersAsync();
        await watch.PassAsync();
    }

    /// <summary>S25; every door: SameRightsTests, TokenRightsTests.</summary>
    [Fact]
    public async Task S25_What_the_credential_does_not_name_is_denied()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.TokenOf("narrow", more: "\"rights\":{\"topics/a\":[\"subscribe\"],\"topics/only/*\":[\"publish\"]}"));
        await client.SubscribeAsync("topics/a");
        foreach (var denied in new[]
        {
            """{"type":"subscribe","channel":"topics/a.b","id":"x"}""", """{"type":"subscribe","channel":"topics/ab","id":"x"}""", """{"type":"subscribe","channel":"topics/a/b","id":"x"}""",
            """{"type":"subscribe","channel":"topics/*","id":"x"}""", """{"type":"subscribe","channel":"topics/**","id":"x"}""", """{"type":"subscribe","channel":"topics/only/x","id":"x"}""",
            """{"type":"publish","channel":"topics/a","event":"e","id":"x"}""", """{"type":"publish","channel":"topics/only/x/y","event":"e","id":"x"}""", """{"type":"publish","channel":"users/other","event":"e","id":"x"}""",
            """{"type":"history","channel":"topics/a","id":"x"}""", """{"type":"presence","channel":"topics/a","id":"x"}""", """{"type":"subscribe","channel":"users/other","id":"x"}""", """{"type":"subscribe","channel":"agents/other","id":"x"}""",
        })
        {
            await client.SendAsync(denied);
            var answer = await client.NextJsonAsync("id", "x");
            Assert.True(answer.GetRawText().Contains("NOT_AUTHORIZED", StringComparison.Ordinal), $"{denied}: {answer.GetRawText()}");
        }

        await client.SendAsync("""{"type":"publish","channel":"topics/only/x","event":"e","id":"y"}""");
        Assert.True((await client.NextJsonAsync("id", "y")).GetProperty("success").GetBoolean());
        await watch.PassAsync();
    }

    /// <summary>S25: what only operators may.</summary>
    [Fact]
    public async Task S25_Who_is_no_operator_sees_and_does_nothing_of_theirs()
    {
        var watch = await hostile.WatchAsync();
        string[] looks =
        [
            "nodes", "nodes/x", "shards", "connections", "connections/ws_1", "channels/details", "log-levels", "audit", "explain?message=x", "revocations",
        ];
        string[] acts = ["disconnect", "unsubscribe", "revoke", "nodes/x/drain", "nodes/x/undrain", "shards/0/move", "log-levels"];
        foreach (var (bearer, status) in new[] { (HostileNode.ServiceKey, 403), (HostileNode.TokenOf("somebody", more: "\"rights\":{\"**\":[\"subscribe\",\"publish\"]}"), 403), (null, 401) })
        {
            foreach (var path in looks)
            {
                Assert.Equal((path, status), (path, (await _node.SendAsync(HttpMethod.Get, "/api/v1/" + path, bearer: bearer)).Status));
            }

            foreach (var path in acts)
            {
                Assert.Equal((path, status), (path, (await _node.PostAsync("/api/v1/" + path, "{\"user\":\"good\",\"to\":\"x\",\"channel\":\"topics/a\",\"category\":\"Default\",\"level\":\"Trace\"}", bearer: bearer)).Status));
            }

            Assert.Equal(status, (await _node.SendAsync(HttpMethod.Delete, "/api/v1/shards/0/pin", bearer: bearer)).Status);
        }

        Assert.Equal(200, (await _node.SendAsync(HttpMethod.Get, "/api/v1/nodes", bearer: HostileNode.AdminKey)).Status);
        await watch.PassAsync();
    }

    /// <summary>S26.</summary>
    [Fact]
    public async Task S26_Ids_of_others_and_invented_positions_change_nothing()
    {
        var watch = await hostile.WatchAsync();
        await using var victim = await _node.NativeAsync(HostileNode.TokenOf("victim"));
        await using var attacker = await _node.NativeAsync(HostileNode.TokenOf("attacker"));

        // The attacker was first with the id the victim will use: the victim's event comes all the same.
        await attacker.SendAsync("""{"type":"publish","channel":"topics/ids","event":"fake","id":"order-1"}""");
        Assert.True((await attacker.NextJsonAsync("id", "order-1")).GetProperty("success").GetBoolean());
        await attacker.SubscribeAsync("topics/ids");
        await victim.SendAsync("""{"type":"publish","channel":"topics/ids","event":"real","id":"order-1"}""");
        Assert.False((await victim.NextJsonAsync("id", "order-1")).GetProperty("duplicate").GetBoolean());
        await attacker.NextJsonAsync("event", "real");
        foreach (var position in new[] { "{\"epoch\":\"x\",\"offset\":1}", "{\"epoch\":\"\",\"offset\":18446744073709551615}", "{\"epoch\":\"x\",\"offset\":-1}", "{\"epoch\":\"x\",\"offset\":9223372036854775807}", "{\"epoch\":7,\"offset\":\"a\"}" })
        {
            await attacker.SendAsync($$"""{"type":"unsubscribe","channel":"topics/ids","id":"u"}""");
            await attacker.NextJsonAsync("id", "u");
            await attacker.SendAsync($$"""{"type":"subscribe","channel":"topics/ids","since":{{position}},"id":"s"}""");
            var answer = await attacker.NextJsonAsync("id", "s");
            var recovered = answer.GetProperty("success").GetBoolean() && answer.TryGetProperty("recovered", out var value) && value.GetBoolean();
            Assert.False(recovered, $"{position}: {answer.GetRawText()}");
        }

        await attacker.AssertAnswersAsync();
        await watch.PassAsync();
    }

    /// <summary>S27.</summary>
    [Fact]
    public async Task S27_Whole_histories_asked_for_by_many_at_once_come_in_pages()
    {
        await using (var publisher = await _node.NativeAsync(HostileNode.ServiceKey))
        {
            var data = new string('h', 4000);
            for (var i = 0; i < 1000; i++)
            {
                await publisher.SendAsync($$"""{"type":"publish","channel":"topics/history","event":"e","data":"{{data}}"}""");
            }

            await publisher.AssertAnswersAsync();
        }

        // 4 MB each, 400 MB in all, by clients that read nothing of it.
        var watch = await hostile.WatchAsync(mostMiB: 192);
        var clients = new List<RawSocket>();
        try
        {
            for (var i = 0; i < 100; i++)
            {
                var socket = await OpenNativeAsync(_node);
                clients.Add(socket);
                await socket.SendAsync(RawSocket.Text("""{"type":"history","channel":"topics/history","limit":2147483647,"id":"h"}"""));
                await socket.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/history","since":{"epoch":"x","offset":0},"last":1000,"id":"s"}"""));
                await socket.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/history","last":1000,"id":"s2"}"""));
            }

            await hostile.Good.GoesOnAsync();
            watch.AssertMemory();
        }
        finally
        {
            clients.ForEach(static socket => socket.Dispose());
        }

        await watch.PassAsync();
    }

    /// <summary>S28.</summary>
    [Fact]
    public async Task S28_A_hundred_thousand_subscriptions_end_at_the_limit_and_no_metric_names_them()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.ServiceKey);
        var accepted = 0;
        var refused = 0;
        const int Window = 1000;
        for (var first = 0; first < 100_000; first += Window)
        {
            for (var i = first; i < first + Window; i++)
            {
                await client.SendAsync($$"""{"type":"subscribe","channel":"topics/many-{{i}}","id":"{{i}}"}""");
            }

            for (var i = 0; i < Window; i++)
            {
                _ = (await client.NextJsonAsync(static json => json.TryGetProperty("success", out JsonElement _))).GetProperty("success").GetBoolean() ? accepted++ : refused++;
            }
        }

        // The key's holder hears nothing by itself; whatever the node subscribed by itself counts as well.
        Assert.Equal(100_000, accepted + refused);
        Assert.InRange(accepted, 990, 1000);
        await client.SendAsync("""{"type":"subscribe","channel":"topics/many-*","id":"pattern"}""");
        Assert.False((await client.NextJsonAsync("id", "pattern")).GetProperty("success").GetBoolean());
        var metrics = (await _node.GetAsync("/metrics", bearer: HostileNode.AdminKey)).Body;
        Assert.DoesNotContain("many-", metrics, StringComparison.Ordinal);
        Assert.True(metrics.Split('\n').Length < 3000, "series are bounded");
        await client.DisposeAsync();
        await watch.PassAsync();
    }

    /// <summary>S31.</summary>
    [Fact]
    public async Task S31_Answers_tell_nothing_of_the_inside()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.ServiceKey);
        await client.SubscribeAsync("topics/inside-secret");
        foreach (var path in new[] { "/health", "/stats", "/live", "/ready", "/", "/nowhere", "/metrics", "/api/v1/channels", "/api/v1/history?channel=topics/inside-secret", "/api/v1/nodes", "/api/v1/shards", "/api/v1/connections", "/api/v1/explain?message=x", "/api/v1/audit", "/openapi/v1.json", "/.env", "/appsettings.json", "/debug", "/api/v1/%2e%2e/appsettings.json" })
        {
            var (head, body) = await AnswerAsync(_node, Encoding.Latin1.GetBytes(Get(path, "X-Forwarded-For: 203.0.113.1")));
            Assert.True(StatusOf(head) is 200 or 401 or 404 or 503, $"{path}: {head}");
            Assert.DoesNotContain("inside-secret", body, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", body, StringComparison.Ordinal);
            Assert.DoesNotContain("Server:", head, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("X-Powered-By", head, StringComparison.OrdinalIgnoreCase);
        }

        foreach (var body in new[] { "{", "[]", new string('[', 100_000), "\0\0", "{\"channel\":7}" })
        {
            var answer = await _node.PostAsync("/api/v1/publish", body, bearer: HostileNode.ServiceKey);
            Assert.Equal(400, answer.Status);
            Assert.DoesNotContain("Exception", answer.Body, StringComparison.Ordinal);
        }

        await watch.PassAsync();
    }

    /// <summary>S32: the namespace is stored in SQLite; with Redis and PostgreSQL the texts go as arguments as well (JournalContract, RedisJournalTests).</summary>
    [Fact]
    public async Task S32_Texts_made_to_be_read_as_SQL_or_Lua_are_stored_as_they_are()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.TokenOf("o'brien; DROP TABLE records; --"));
        await client.SubscribeAsync("projects/sql");
        string[] texts = ["'; DROP TABLE records; --", "1 OR 1=1", "%", "_", "') ; return redis.call('FLUSHALL') --", "${jndi:ldap://x}", "{{7*7}}", "\\\"; --"];
        foreach (var text in texts)
        {
            foreach (var again in new[] { false, true })
            {
                await client.SendAsync($$"""{"type":"publish","channel":"projects/sql","event":"e","key":"{{text}}","data":"{{text}}","id":"{{text}}"}""");
                var ack = await client.NextJsonAsync(static json => json.Text("type") == "ack");
                Assert.True(ack.GetProperty("success").GetBoolean(), ack.GetRawText());
                Assert.Equal(again, ack.GetProperty("duplicate").GetBoolean());
            }
        }

        // Each once, in order, behind all of it.
        var history = (await _node.GetAsync("/api/v1/history?channel=projects/sql&limit=100", bearer: HostileNode.ServiceKey)).Json;
        var stored = history.GetProperty("events").EnumerateArray().Select(static one => one.GetProperty("data").GetString()).ToList();
        Assert.Equal(texts.Select(static text => JsonSerializer.Deserialize<string>($"\"{text}\"")), stored, StringComparer.Ordinal);
        await watch.PassAsync();
    }
}
