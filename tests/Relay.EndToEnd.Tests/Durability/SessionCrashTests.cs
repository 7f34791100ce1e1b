using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Sqlite;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Chat sessions whose namespace is durable under <c>kill -9</c> of the node (protocols.md, <c>webui</c>).</summary>
public sealed class SessionCrashTests
{
    [Fact]
    public async Task A_conversation_is_the_same_after_a_kill_with_SQLite()
    {
        using var folder = new TempFolder();
        await ChatKillAndJoinAsync(("Namespaces:sessions:Durability", "sql"), ("Storage:Path", folder.Path));
    }

    [Fact]
    public async Task A_conversation_is_the_same_after_a_kill_with_PostgreSQL()
    {
        await using var postgres = await PostgresServerProcess.StartAsync();
        await ChatKillAndJoinAsync(("Namespaces:sessions:Durability", "sql"), ("Postgres:Connection", postgres.ConnectionString));
    }

    [Fact]
    public async Task A_conversation_is_the_same_after_a_kill_with_Redis()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await ChatKillAndJoinAsync(("Namespaces:sessions:Durability", "redis"), ("Redis:Endpoints", redis.Endpoint));
    }

    [Fact]
    public async Task A_deleted_session_and_one_that_expired_while_the_node_was_down_are_gone_with_their_streams()
    {
        using var folder = new TempFolder();
        await using var nodes = new RestartedNode(NodeStart.With(
            ("Namespaces:sessions:Durability", "sql"), ("Storage:Path", folder.Path), ("WebUi:SessionTtl", "3s")));
        await nodes.StartAsync();
        var node = await nodes.CurrentAsync();
        var deleted = await CreateAsync(node);
        await ChatAsync(node, deleted, "one");
        var expired = await CreateAsync(node);
        await ChatAsync(node, expired, "two");
        Assert.Equal(200, (await node.SendAsync(HttpMethod.Delete, "/api/sessions/" + deleted)).Status);
        await nodes.KillAndRestartAsync();
        node = await nodes.CurrentAsync();
        Assert.Equal("SESSION_NOT_FOUND", (await node.GetAsync("/api/sessions/" + deleted)).Json.Text("code"));

        // Nobody asks for the other one: the list does not count as use.
        await Eventually.UntilAsync(async () => (await SessionsAsync(node)).Count == 0, "the session expires");
        Assert.Equal("SESSION_NOT_FOUND", (await node.GetAsync("/api/sessions/" + expired)).Json.Text("code"));
        Assert.Equal(0, await node.StopAsync());
        await using var journal = SqliteJournal.Open(
            new SqliteJournalOptions { Path = folder.Path }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, new Random(1));
        Assert.Empty(await journal.ListAsync("", 10));
        Assert.Null(await ((ISnapshotStore)journal).LoadSnapshotAsync("sessions/" + deleted));
        Assert.Null(await ((ISnapshotStore)journal).LoadSnapshotAsync("sessions/" + expired));
    }

    [Fact]
    public async Task A_request_under_way_at_a_kill_is_answered_by_a_worker_later_or_ends_in_a_timeout()
    {
        using var folder = new TempFolder();
        await using var redis = await RedisServerProcess.StartAsync();
        await using var nodes = new RestartedNode(NodeStart.With(
            ("Namespaces:sessions:Durability", "sql"), ("Storage:Path", folder.Path), ("Redis:Endpoints", redis.Endpoint),
            ("Agents:Backend", "redis"), ("Agents:Timeout", "8s")));
        await nodes.StartAsync();
        var node = await nodes.CurrentAsync();
        await ReadyAsync(node);
        string answered;
        string open;
        await using (var client = await node.WebUiAsync())
        {
            answered = await CreateAsync(client);
            await client.SendAsync("""{"type":"chat_message","data":{"content":"one"}}""");
            open = await CreateAsync(client);
            await client.SendAsync("""{"type":"chat_message","data":{"content":"two"}}""");
            await Eventually.UntilAsync(async () => await redis.RunAsync("LLEN", "relay:agent-requests") == "2", "the worker has both requests");
        }

        await nodes.KillAndRestartAsync();
        node = await nodes.CurrentAsync();
        await ReadyAsync(node);
        var request = Json.Parse(await redis.RunAsync("LPOP", "relay:agent-requests"));
        Assert.Equal(answered, request.Text("session_id"));
        await redis.RunAsync(
            "PUBLISH", "updates",
            $$$"""{"target_session_id":"{{{answered}}}","type":"agent_response","payload":{"agent_name":"W","content":"done","request_id":"{{{request.Text("request_id")}}}"}}""");
        await Eventually.UntilAsync(async () => (await SessionsAsync(node)).Any(one => one.Text("session_id") == answered && one.Number("message_count") == 2), "the answer is stored");
        await using (var back = await node.WebUiAsync())
        {
            Assert.Equal("one done", string.Join(' ', (await JoinAsync(back, answered)).Select(static frame => frame.GetProperty("data").Text("content"))));
        }

        await using var waiting = await node.WebUiAsync();
        await waiting.SendAsync($$$"""{"type":"session_join","data":{"session_id":"{{{open}}}"}}""");
        Assert.Equal("TIMEOUT", (await waiting.NextJsonAsync("type", "error")).GetProperty("data").Text("code"));
    }

    [Fact]
    public async Task Conversations_that_go_on_over_kills_lose_nothing_answered_and_every_message_has_one_answer()
    {
        const int Conversations = 4;
        const int Kills = 4;
        const int AnswersBetweenKills = 60;
        using var folder = new TempFolder();
        await using var nodes = new RestartedNode(NodeStart.With(("Namespaces:sessions:Durability", "sql"), ("Storage:Path", folder.Path)));
        await nodes.StartAsync();
        var node = await nodes.CurrentAsync();
        var counter = new AckCounter();
        using var stop = new CancellationTokenSource();
        var talks = new List<Task<(string Session, List<string> Answered)>>();
        for (var i = 0; i < Conversations; i++)
        {
            talks.Add(TalkAsync(nodes, await CreateAsync(node), counter, stop.Token));
        }

        for (var kill = 0; kill < Kills; kill++)
        {
            await counter.FurtherAsync(AnswersBetweenKills).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
            await nodes.KillAndRestartAsync();
        }

        await counter.FurtherAsync(AnswersBetweenKills).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
        await stop.CancelAsync();
        node = await nodes.CurrentAsync();
        foreach (var (session, answered) in await Task.WhenAll(talks))
        {
            var asked = new List<string>();
            var answers = new List<string>();
            await Eventually.UntilAsync(
                async () =>
                {
                    var messages = (await node.GetAsync("/api/sessions/" + session)).Json.GetProperty("data").GetProperty("messages").EnumerateArray().ToList();
                    asked = [.. messages.Where(static one => one.Text("type") == "chat_message").Select(static one => one.GetProperty("data").Text("content")!)];
                    answers = [.. messages.Where(static one => one.Text("type") == "agent_response").Select(static one => one.GetProperty("data").Text("content")!)];
                    return asked.Count == answers.Count;
                },
                "every message is answered");
            Assert.Equal(asked.Count, asked.Distinct(StringComparer.Ordinal).Count());
            Assert.Equal(
                string.Join('\n', asked.Select(static words => "Received: " + words).Order(StringComparer.Ordinal)), string.Join('\n', answers.Order(StringComparer.Ordinal)));
            Assert.Empty(answered.Except(asked, StringComparer.Ordinal));
        }
    }

    // One message behind the other, each once, whatever becomes of it; those that were answered are returned.
    private static async Task<(string Session, List<string> Answered)> TalkAsync(RestartedNode nodes, string session, AckCounter counter, CancellationToken stop)
    {
        var answered = new List<string>();
        for (var n = 1; !stop.IsCancellationRequested; n++)
        {
            var node = await nodes.CurrentAsync();
            try
            {
                if ((await node.PostAsync("/api/chat", $$"""{"session_id":"{{session}}","content":"m{{n}}"}""")).Status == 200)
                {
                    answered.Add("m" + n.ToString(System.Globalization.CultureInfo.InvariantCulture));
                    counter.Add();
                }
            }
            catch (HttpRequestException)
            {
                // The node is gone, or not there yet: whether this one was stored is for the session to know.
                await Task.Yield();
            }
        }

        return (session, answered);
    }

    private static async Task ChatKillAndJoinAsync(params (string, string)[] settings)
    {
        // A channel that keeps almost nothing: the conversation has a bound of its own.
        await using var nodes = new RestartedNode(NodeStart.With([("Namespaces:sessions:HistoryLength", "2"), .. settings]));
        await nodes.StartAsync();
        var node = await nodes.CurrentAsync();
        await ReadyAsync(node);
        string id;
        await using (var client = await node.WebUiAsync())
        {
            id = await CreateAsync(client);
            foreach (var words in new[] { "one", "two", "three" })
            {
                await client.SendAsync($$$"""{"type":"chat_message","data":{"content":"{{{words}}}"}}""");
                await client.NextJsonAsync("type", "agent_response");
            }
        }

        List<JsonElement> before;
        await using (var client = await node.WebUiAsync())
        {
            before = await JoinAsync(client, id);
            Assert.Equal(6, before.Count);
        }

        var listed = Assert.Single(await SessionsAsync(node));
        await nodes.KillAndRestartAsync();
        node = await nodes.CurrentAsync();
        var listedAgain = Assert.Single(await SessionsAsync(node));
        Assert.Equal(listed.Raw("created_at"), listedAgain.Raw("created_at"));
        Assert.Equal(listed.Raw("message_count"), listedAgain.Raw("message_count"));
        await using (var client = await node.WebUiAsync())
        {
            var after = await JoinAsync(client, id);
            Assert.Equal(string.Join('\n', before), string.Join('\n', after));
            await client.SendAsync("""{"type":"chat_message","data":{"content":"four"}}""");
            Assert.Equal("Received: four", (await client.NextJsonAsync("type", "agent_response")).GetProperty("data").Text("content"));
        }

        Assert.Equal(200, (await node.SendAsync(HttpMethod.Delete, "/api/sessions/" + id)).Status);
        await nodes.KillAndRestartAsync();
        node = await nodes.CurrentAsync();
        Assert.Empty(await SessionsAsync(node));
        await using var late = await node.WebUiAsync();
        await late.SendAsync($$$"""{"type":"session_join","data":{"session_id":"{{{id}}}"}}""");
        Assert.Equal("SESSION_NOT_FOUND", (await late.NextJsonAsync()).GetProperty("data").Text("code"));
        node.AssertNoFailuresInLog();
    }

    private static Task ReadyAsync(NodeProcess node) => Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");

    private static async Task<string> CreateAsync(WsClient client) =>
        (await client.AskAsync("""{"type":"session_create"}""")).Text("session_id")!;

    private static async Task<string> CreateAsync(NodeProcess node) =>
        (await node.PostAsync("/api/sessions", "")).Json.GetProperty("data").Text("session_id")!;

    private static async Task ChatAsync(NodeProcess node, string session, string words) =>
        Assert.Equal(200, (await node.PostAsync("/api/chat", $$"""{"session_id":"{{session}}","content":"{{words}}"}""")).Status);

    private static async Task<List<JsonElement>> SessionsAsync(NodeProcess node) =>
        [.. (await node.GetAsync("/api/sessions")).Json.GetProperty("data").GetProperty("sessions").EnumerateArray()];

    // The frames of the history; the number of them is in the status before them.
    private static async Task<List<JsonElement>> JoinAsync(WsClient client, string session)
    {
        var status = await client.AskAsync($$$"""{"type":"session_join","data":{"session_id":"{{{session}}}"}}""");
        Assert.Equal("session_status", status.Text("type"));
        var frames = new List<JsonElement>();
        for (var left = status.GetProperty("data").Number("message_count"); left > 0; left--)
        {
            frames.Add(await client.NextJsonAsync());
        }

        return frames;
    }
}
