using Relay.Testing;

namespace Relay.Node.Tests.Examples;

/// <summary><c>examples/http</c>, <c>examples/database</c> and <c>examples/listen</c>.</summary>
public sealed class PublisherTests
{
    [Fact]
    public async Task The_HTTP_commands_publish_and_a_repeated_id_counts_once()
    {
        await using var node = await ExampleNode.StartAsync();
        using var deploy = await node.SubscribeAsync("topics/deploy");
        using var alice = await node.ListenAsync(node.Main, "/ws?userId=alice", "users/alice");
        var run = (await ExampleRun.BashAsync("http/publish.sh", [node.Main.ToString().TrimEnd('/')])).Succeeded();
        string[] events = ["deploy.started", "deploy.done", "notice"];
        for (var i = 0; i < events.Length; i++)
        {
            var arrived = await deploy.ReadJsonAsync();
            Assert.Equal(events[i], arrived.GetProperty("event").GetString());
            Assert.Equal(i + 1, arrived.GetProperty("offset").GetInt64());
        }

        Assert.Equal(40, (await alice.ReadJsonAsync()).GetProperty("payload").GetProperty("progress").GetInt32());
        Assert.Contains(run.Lines, static line => line == "Message published");
        Assert.Contains(run.Lines, line => line.Contains("\"offset\":1,\"duplicate\":true", StringComparison.Ordinal));
        Assert.Contains(run.Lines, line => line.Contains("Invalid channel format: bad/x", StringComparison.Ordinal));
        Assert.Contains(run.Lines, line => line.Contains("\"agent_name\":\"EchoAgent\",\"content\":\"Received: Hello\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rows_and_notifications_of_the_database_arrive()
    {
        await using var database = await PostgresServerProcess.StartAsync();
        await using var node = await ExampleNode.StartAsync("Postgres:Connection=" + database.ConnectionString);
        using var orders = await node.SubscribeAsync("topics/orders");
        using var alice = await node.ListenAsync(node.Main, "/ws?userId=alice", "users/alice");
        (await ExampleRun.SqlAsync("database/outbox.sql", database.Port)).Succeeded();
        var placed = await orders.ReadUntilAsync("event", "order.placed");
        Assert.Equal("alice", placed.GetProperty("data").GetProperty("customer").GetString());
        Assert.Equal("order_confirmed", (await alice.ReadJsonAsync()).GetProperty("type").GetString());

        (await ExampleRun.SqlAsync("database/notify.sql", database.Port)).Succeeded();

        // A native client hears global by itself; between the two channels there is no order.
        var viewed = new List<string?>();
        while (viewed.Count < 2)
            viewed.Add((await orders.ReadUntilAsync("event", "order.viewed")).GetProperty("channel").GetString());
        Assert.Equal("global topics/orders", string.Join(' ', viewed.Order(StringComparer.Ordinal)));

        (await ExampleRun.SqlAsync("database/trigger.sql", database.Port)).Succeeded();
        await orders.ReadUntilAsync("event", "task.created");
        Assert.Equal("completed", (await orders.ReadUntilAsync("event", "task.completed")).GetProperty("data").GetProperty("status").GetString());
    }

    [Fact]
    public async Task The_listening_client_prints_each_message_on_a_line()
    {
        await using var node = await ExampleNode.StartAsync();
        var run = (await ExampleRun.PythonAsync(
            "listen/listen.py",
            "",
            $"ws://{node.Main.Authority}/relay",
            "--send", """{"type":"subscribe","channel":"topics/demo","id":"s1"}""",
            "--send", """{"type":"publish","channel":"topics/demo","event":"demo.hello","data":{"text":"Hello"},"id":"p1"}""",
            "--count", "4")).Succeeded();
        Assert.Equal(4, run.Lines.Length);
        Assert.StartsWith("{\"type\":\"connected\",", run.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("{\"type\":\"ack\",\"id\":\"s1\",\"success\":true,", run.Lines[1], StringComparison.Ordinal);
        Assert.Contains("\"event\":\"demo.hello\",\"data\":{\"text\":\"Hello\"}", run.Lines[2], StringComparison.Ordinal);
        Assert.StartsWith("{\"type\":\"ack\",\"id\":\"p1\",\"success\":true,", run.Lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_listening_client_says_why_it_was_refused()
    {
        await using var node = await ExampleNode.StartAsync();
        var run = await ExampleRun.PythonAsync("listen/listen.py", "", $"ws://{node.Main.Authority}/ws?userId=");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("listen: HTTP/1.1 401 Unauthorized: Unauthorized: userId is required", run.Error, StringComparison.Ordinal);
    }
}
