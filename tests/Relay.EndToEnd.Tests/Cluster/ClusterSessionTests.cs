using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>protocols.md, <c>webui</c>: chat sessions of several nodes, and what becomes of them when their owner goes.</summary>
public sealed class ClusterSessionTests
{
    private const int Sessions = 12;
    private const string Requests = "relay:agent-requests";

    private static readonly (string Key, string Value)[] RedisAgent = [("Agents:Backend", "redis"), ("Agents:Timeout", "12s")];

    [Fact]
    public async Task A_session_of_one_node_is_joined_chatted_in_and_listed_from_every_other()
    {
        await using var group = await NodeGroup.StartAsync(3);
        var sessions = new List<string>();
        foreach (var node in group.Nodes)
        {
            sessions.Add((await node.PostAsync("/api/sessions", "")).Json.GetProperty("data").Text("session_id")!);
        }

        foreach (var session in sessions)
        {
            await using var first = await JoinAsync(group[1], session);
            await using var second = await JoinAsync(group[2], session);
            await first.SendAsync("""{"type":"chat_message","data":{"content":"hello"}}""");
            Assert.Equal("hello", (await second.NextJsonAsync("type", "chat_message")).GetProperty("data").Text("content"));
            foreach (var client in new[] { first, second })
            {
                Assert.Equal("Received: hello", (await client.NextJsonAsync("type", "agent_response")).GetProperty("data").Text("content"));
            }

            var answer = await group[0].PostAsync("/api/chat", $$"""{"session_id":"{{session}}","content":"again"}""");
            Assert.Equal("Received: again", answer.Json.GetProperty("data").GetProperty("response").Text("content"));
        }

        foreach (var node in group.Nodes)
        {
            Assert.Equal(sessions.Order(StringComparer.Ordinal), (await ListAsync(node)).Order(StringComparer.Ordinal));
            Assert.Equal(4, (await node.GetAsync("/api/sessions/" + sessions[0])).Json.GetProperty("data").Number("message_count"));
            await Eventually.UntilAsync(async () => (await node.GetAsync("/api/health")).Json.GetProperty("data").Number("sessions") == 3, "all sessions are counted");
        }

        Assert.Equal(200, (await group[2].SendAsync(HttpMethod.Delete, "/api/sessions/" + sessions[0])).Status);
        foreach (var node in group.Nodes)
        {
            Assert.Equal(404, (await node.GetAsync("/api/sessions/" + sessions[0])).Status);
            Assert.Equal(2, (await ListAsync(node)).Count);
        }

        Assert.All(group.Nodes, static node => node.AssertNoFailuresInLog());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Requests_under_way_when_their_owner_goes_end_in_the_answer_or_in_a_timeout(bool isKilled)
    {
        await using var group = await NodeGroup.StartAsync(3, RedisAgent);
        var clients = new Dictionary<string, WsClient>(StringComparer.Ordinal);
        try
        {
            for (var i = 0; i < Sessions; i++)
            {
                var client = await group[0].WebUiAsync();
                var session = (await client.AskAsync("""{"type":"session_create"}""")).GetProperty("data").Text("session_id")!;
                await client.SendAsync($$"""{"type":"chat_message","data":{"content":"{{session}}"} }""");
                clients.Add(session, client);
            }

            // One more waits for its answer over HTTP.
            var overHttp = group[0].PostAsync("/api/chat", """{"content":"over HTTP"}""");
            await Eventually.UntilAsync(async () => await group.Redis.RunAsync("LLEN", Requests) == $"{Sessions + 1}", "the worker has all requests");
            if (isKilled)
            {
                await group[1].KillAsync();
            }
            else
            {
                Assert.Equal(0, await group[1].StopAsync());
            }

            // A worker answers every other request at once, while the sessions of the dead node have no owner, and the one over HTTP.
            var answered = new HashSet<string>(StringComparer.Ordinal);
            for (var i = 0; i <= Sessions; i++)
            {
                var request = Json.Parse(await group.Redis.RunAsync("LPOP", Requests));
                var session = request.Text("session_id")!;
                if (answered.Count <= Sessions / 2 || !clients.ContainsKey(session))
                {
                    answered.Add(session);
                    await group.Redis.RunAsync("PUBLISH", "updates",
                        $$$"""{"target_session_id":"{{{session}}}","type":"agent_response","payload":{"agent_name":"W","content":"done","request_id":"{{{request.Text("request_id")}}}"}}""");
                }
            }

            foreach (var (session, client) in clients)
            {
                var end = await client.NextJsonAsync(static frame => frame.Text("type") is "agent_response" or "error");
                Assert.Equal(answered.Contains(session) ? "done" : "TIMEOUT", end.GetProperty("data").Text("content") ?? end.GetProperty("data").Text("code"));
            }

            Assert.Equal("done", (await overHttp).Json.GetProperty("data").GetProperty("response").Text("content"));
            foreach (var node in new[] { group[0], group[2] })
            {
                Assert.Equal(Sessions + 1, (await ListAsync(node)).Count);
            }
        }
        finally
        {
            foreach (var client in clients.Values)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Who_waits_for_an_answer_over_HTTP_gets_it_from_the_node_to_which_the_session_has_moved()
    {
        await using var group = await NodeGroup.StartAsync(1, RedisAgent);
        var waiting = Enumerable.Range(0, Sessions).Select(_ => group[0].PostAsync("/api/chat", """{"content":"hello"}""")).ToList();
        await Eventually.UntilAsync(async () => await group.Redis.RunAsync("LLEN", Requests) == $"{Sessions}", "the worker has all requests");
        await group.AddAsync();
        await Eventually.UntilAsync(async () => (await ListAsync(group[1], "?scope=node")).Count >= Sessions / 4, "some have moved");
        for (var i = 0; i < Sessions; i++)
        {
            var request = Json.Parse(await group.Redis.RunAsync("LPOP", Requests));
            await group.Redis.RunAsync("PUBLISH", "updates",
                $$$"""{"target_session_id":"{{{request.Text("session_id")}}}","type":"agent_response","payload":{"agent_name":"W","content":"done","request_id":"{{{request.Text("request_id")}}}"}}""");
        }

        foreach (var answer in await Task.WhenAll(waiting))
        {
            Assert.Equal("done", answer.Json.GetProperty("data").GetProperty("response").Text("content"));
        }
    }

    [Fact]
    public async Task Sessions_of_a_killed_node_are_listed_again_and_expire()
    {
        await using var group = await NodeGroup.StartAsync(3, ("WebUi:SessionTtl", "20s"));
        for (var i = 0; i < Sessions; i++)
        {
            Assert.Equal(201, (await group.Nodes[i % 3].PostAsync("/api/sessions", "")).Status);
        }

        await group[1].KillAsync();
        await Eventually.UntilAsync(async () => (await ListAsync(group[2])).Count == Sessions, "all sessions are listed again");
        await Eventually.UntilAsync(async () => (await ListAsync(group[0])).Count == 0, "all sessions expire");
        await Eventually.UntilAsync(async () => await group.Redis.RunAsync("KEYS", "*sessions/*") is "", "and nothing of them is left");
    }

    private static async Task<WsClient> JoinAsync(NodeProcess node, string session)
    {
        var client = await node.WebUiAsync();
        Assert.Equal("session_status", (await client.AskAsync($$$"""{"type":"session_join","data":{"session_id":"{{{session}}}"}}""")).Text("type"));
        return client;
    }

    private static async Task<List<string>> ListAsync(NodeProcess node, string scope = "") =>
        [.. (await node.GetAsync("/api/sessions" + scope)).Json.GetProperty("data").GetProperty("sessions").EnumerateArray().Select(static one => one.Text("session_id")!)];
}
