using System.Net;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests;

/// <summary>A node from its start to its end, as its operator sees it (configuration.md; guarantees.md 4, 10).</summary>
public sealed class LifecycleTests
{
    [Theory]
    [InlineData(NodeProcess.SigTerm)]
    [InlineData(NodeProcess.SigInt)]
    public async Task A_planned_stop_tells_every_client_and_ends_with_0(int signal)
    {
        await using var node = await NodeProcess.StartAsync();
        await using var context = await node.ContextAsync();
        await using var hooks = await node.HooksAsync();
        await using var webui = await node.WebUiAsync();
        await using var updates = await node.UpdatesAsync("u1");
        await using var projects = await node.ProjectsAsync("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        await using var native = await node.NativeAsync();
        Assert.Equal(0, await node.StopAsync(signal));
        foreach (var client in new[] { context, hooks, webui, updates, projects })
        {
            Assert.Equal(1001, (await client.EndAsync()).Code);
        }

        var reconnect = await native.NextJsonAsync("type", "reconnect");
        Assert.True(reconnect.Number("after_ms") >= 0);
        Assert.Equal(1012, (await native.EndAsync()).Code);
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_planned_stop_under_load_loses_nothing_that_was_acked()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var subscriber = await node.NativeAsync();
        await using var publisher = await node.NativeAsync();
        await subscriber.SubscribeAsync("topics/load");
        var stopping = Task.FromResult(-1);
        var seen = 0;
        try
        {
            // A window paced by the subscriber, so that it is never cut for slowness; the stop comes while one is on its way.
            for (var round = 0; ; round++)
            {
                for (var n = 0; n < 50; n++)
                {
                    var number = (round * 50) + n;
                    await publisher.SendAsync($$"""{"type":"publish","channel":"topics/load","event":"load","data":{{number}},"id":"p{{number}}"}""");
                }

                stopping = round == 20 ? node.StopAsync() : stopping;
                for (var n = 0; n < 50; n++, seen++)
                {
                    Assert.Equal(seen, (await subscriber.NextJsonAsync("event", "load")).Number("data"));
                }
            }
        }
        catch (Exception ended) when (ended is System.Net.WebSockets.WebSocketException or InvalidOperationException or OperationCanceledException)
        {
            // The node has gone, as it should.
        }

        Assert.Equal(0, await stopping);
        Assert.Equal(1012, (await subscriber.EndAsync()).Code);
        await publisher.EndAsync();
        var acked = publisher.Pending().Select(Json.Parse).Count(static json => json.Text("type") == "ack" && json.GetProperty("success").GetBoolean());
        Assert.True(acked <= seen, $"{acked} acked, {seen} seen");
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_planned_stop_while_Redis_floods_the_node_ends_with_0()
    {
        await using var redis = await RedisServerProcess.StartAsync();
        await using var node = await NodeProcess.StartAsync(("Redis:Endpoints", redis.Endpoint));
        await Eventually.UntilAsync(async () => (await node.GetAsync("/ready")).Status == 200, "the node is ready");
        await using var client = await node.UpdatesAsync("u1");
        var messages = Enumerable.Range(0, 100_000).Select(static n => "{\"target_user_id\":\"u1\",\"type\":\"x\",\"payload\":" + n.ToString() + "}").ToList();
        var flood = redis.PublishAllAsync("updates", messages);
        for (var n = 0; n < 1000; n++)
        {
            Assert.Equal(messages[n], await client.NextTextAsync());
        }

        Assert.Equal(0, await node.StopAsync());
        Assert.Equal(1001, (await client.EndAsync()).Code);
        await flood;
        var rest = client.Pending();
        Assert.Equal(messages.Skip(1000).Take(rest.Count), rest, StringComparer.Ordinal);
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_stop_with_a_client_that_reads_nothing_still_ends_with_0()
    {
        await using var node = await NodeProcess.StartAsync(("Drain:Seconds", "1"));
        using var deaf = await RawSocket.ConnectAsync(node.Port("main"), receiveBuffer: 4096);
        await deaf.OpenAsync("/relay");
        Assert.Equal(0, await node.StopAsync());
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_port_in_use_ends_with_1_and_one_line_that_names_the_key()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var (code, log) = await NodeProcess.RunAsync(NodeStart.With(("Listeners:hooks:Url", $"http://127.0.0.1:{port}")));
        Assert.Equal(1, code);
        var line = Assert.Single(log.Split('\n'), static line => line.StartsWith("cannot start:", StringComparison.Ordinal));
        Assert.Contains("Relay:Listeners:hooks:Url", line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_configuration_ends_with_2_and_tells_every_mistake()
    {
        var (code, log) = await NodeProcess.RunAsync(NodeStart.With(
            ("Listeners:main:Url", "ftp://nowhere"), ("Limits:UnsentBytes", "many"), ("Redis:Endpoints", "host:port:port"), ("Nonsense", "1")) with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["Relay__Agents__Backend"] = "oracle" },
        });
        Assert.Equal(2, code);
        foreach (var key in new[] { "Relay:Listeners:main:Url", "Relay:Limits:UnsentBytes", "Relay:Redis:Endpoints", "Nonsense", "Relay:Agents:Backend" })
        {
            Assert.Contains(key, log, StringComparison.Ordinal);
        }

        Assert.Contains("5 mistakes", log, StringComparison.Ordinal);
        Assert.DoesNotContain("\nready", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_command_line_outranks_the_environment()
    {
        await using var node = await NodeProcess.StartAsync(NodeStart.With(("Cluster:NodeId", "named")) with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["Relay__Cluster__NodeId"] = "other", ["Relay__WebUi__AutoCreateSession"] = "true" },
        });
        await using var native = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
        Assert.Equal("named", (await native.NextJsonAsync()).Text("node"));
        await using var webui = await node.WebUiAsync();
        await webui.SendAsync("""{"type":"chat_message","data":{"content":"hi"}}""");
        Assert.Equal("session_status", (await webui.NextJsonAsync()).Text("type"));
    }

    [Fact]
    public async Task After_a_kill_clients_come_back_to_the_same_ports_and_learn_that_the_past_is_gone()
    {
        var ports = Enumerable.Range(0, 3).Select(static _ => FreePort.Next()).ToList();
        var settings = NodeStart.With(
            ("Listeners:main:Url", $"http://127.0.0.1:{ports[0]}"), ("Listeners:hooks:Url", $"http://127.0.0.1:{ports[1]}"), ("Listeners:context:Url", $"http://127.0.0.1:{ports[2]}"));
        string epoch;
        await using (var node = await NodeProcess.StartAsync(settings))
        {
            await using var native = await node.NativeAsync();
            await using var context = await node.ContextAsync();
            await using var updates = await node.UpdatesAsync("u1");
            epoch = (await native.SubscribeAsync("topics/x")).Text("epoch")!;
            for (var n = 1; n <= 3; n++)
            {
                await native.SendAsync($$"""{"type":"publish","channel":"topics/x","event":"x","data":{{n}},"id":"p{{n}}"}""");
                await native.NextJsonAsync("id", $"p{n}");
            }

            await node.KillAsync();
            Assert.Null((await native.EndAsync()).Code);
            Assert.Null((await context.EndAsync()).Code);
            Assert.Null((await updates.EndAsync()).Code);
        }

        await using var next = await NodeProcess.StartAsync(settings);
        await using var again = await next.NativeAsync();
        await using var contextAgain = await next.ContextAsync();
        await using var updatesAgain = await next.UpdatesAsync("u1");
        var resumed = await again.SubscribeAsync("topics/x", $$""","since":{"epoch":"{{epoch}}","offset":2}""");
        Assert.False(resumed.GetProperty("recovered").GetBoolean());
        Assert.NotEqual(epoch, resumed.Text("epoch"), StringComparer.Ordinal);
        await again.SendAsync("""{"type":"publish","channel":"topics/x","event":"x","data":4,"id":"p4"}""");
        Assert.Equal(4, (await again.NextJsonAsync("event", "x")).Number("data"));
        Assert.Equal(1, (await again.NextJsonAsync("id", "p4")).Number("offset"));
        next.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_client_that_comes_back_to_a_living_node_gets_what_it_missed()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var publisher = await node.NativeAsync();
        string epoch;
        await using (var native = await node.NativeAsync())
        {
            epoch = (await native.SubscribeAsync("topics/x")).Text("epoch")!;
        }

        for (var n = 1; n <= 5; n++)
        {
            await publisher.SendAsync($$"""{"type":"publish","channel":"topics/x","event":"x","data":{{n}},"id":"p{{n}}"}""");
            await publisher.NextJsonAsync("id", $"p{n}");
        }

        await using var again = await node.NativeAsync();
        var ack = await again.SubscribeAsync("topics/x", $$""","since":{"epoch":"{{epoch}}","offset":2}""");
        Assert.True(ack.GetProperty("recovered").GetBoolean());
        foreach (var n in new[] { 3, 4, 5 })
        {
            Assert.Equal(n, (await again.NextJsonAsync()).Number("data"));
        }
    }
}
