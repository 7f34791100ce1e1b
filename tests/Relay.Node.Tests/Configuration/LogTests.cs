using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Relay.Node.Tests.EventStreams;
using Relay.Testing;

namespace Relay.Node.Tests.Configuration;

/// <summary>What the real program writes on standard output.</summary>
public sealed class LogTests
{
    private static readonly string[] OneListener =
        ["--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url="];

    [Fact]
    public async Task In_JSON_every_line_is_an_object_with_time_level_room_and_message()
    {
        await using var process = new NodeProcess([.. OneListener, "--Logging:Console:FormatterName=json"]);
        await EndAsync(process, "ready");
        var lines = process.Output.Select(static line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.True(lines.Count >= 3);
        Assert.All(lines, static line =>
        {
            Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line.GetProperty("Timestamp").GetString());
            Assert.NotEmpty(line.GetProperty("Message").GetString()!);
            Assert.StartsWith("Relay.", line.GetProperty("Category").GetString(), StringComparison.Ordinal);
            Assert.True(line.GetProperty("LogLevel").GetString() is "Information" or "Warning");
        });
        var listening = lines.Single(static line => line.GetProperty("Message").GetString()!.StartsWith("listening main http://127.0.0.1:", StringComparison.Ordinal));
        Assert.Equal("auto", listening.GetProperty("State").GetProperty("Dialect").GetString());
        Assert.Single(lines, static line => line.GetProperty("Message").GetString() == "ready");
        Assert.Single(lines, static line => line.GetProperty("Message").GetString() == "leaving");
    }

    [Fact]
    public async Task A_room_has_a_level_of_its_own()
    {
        await using var process = new NodeProcess([.. OneListener, "--Logging:LogLevel:Default=Information", "--Logging:LogLevel:Relay.Node=Warning"]);
        await process.LineAsync("ready");
        await process.SignalAsync("TERM");
        Assert.Equal(0, await process.ExitAsync());
        Assert.DoesNotContain(process.Output, static line => line.Contains("leaving", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_form_that_does_not_exist_is_refused()
    {
        await using var process = new NodeProcess([.. OneListener, "--Logging:Console:FormatterName=jsn"]);
        Assert.Equal(2, await process.ExitAsync());
        Assert.Contains("Logging:Console:FormatterName = \"jsn\": not one of simple, json, systemd", await process.ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Payloads_and_secrets_are_logged_at_no_level()
    {
        await using var node = await StreamNode.StartAsync(
            "http",
            false,
            [
                "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:System=Trace", "--Relay:Auth:Required=true",
                "--Relay:Auth:ApiKeys:0:Name=svc", "--Relay:Auth:ApiKeys:0:Key=apikey-hush-hush-0", "--Relay:Auth:Jwt:Keys:0:Alg=HS256",
                "--Relay:Auth:Jwt:Keys:0:Secret=jwtsecret-hush-hush-jwtsecret-hush-hush", "--Relay:Auth:Jwt:Keys:0:Kid=a",
            ]);
        node.Bearer = "apikey-hush-hush-0";
        await node.PublishAsync("topics/a", "{\"text\":\"payload-hush-hush\"}");
        using (var stream = await node.SubscribeAsync("channel=topics/a"))
        {
            await node.PublishAsync("topics/a", "{\"text\":\"payload-hush-hush\"}");
            await stream.Reader.ReadAsync("message");
        }

        foreach (var query in new[] { "token=apikey-hush-hush-0", "token=wrong-hush-hush", "access_token=eyJhbGciOiJub25lIn0.aHVzaC1odXNo.hush-hush" })
        {
            await TryAsync(new Uri($"ws://127.0.0.1:{node.Main.Port}/relay?{query}"));
        }

        await node.RefusedAsync("channel=topics/a", bearer: "bearer-hush-hush");
        await node.TerminateAsync();
        Assert.Equal(0, await node.ExitAsync());
        Assert.Contains("leaving", node.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", node.Output, StringComparison.Ordinal);
    }

    // Well or badly, with a message that cannot be read.
    private static async Task TryAsync(Uri url)
    {
        using var socket = new ClientWebSocket();
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        try
        {
            await socket.ConnectAsync(url, limit.Token);
            await socket.SendAsync(Encoding.UTF8.GetBytes("{\"type\":\"publish\",\"data\":\"payload-hush-hush\"}"), WebSocketMessageType.Text, true, limit.Token);
            await socket.SendAsync(Encoding.UTF8.GetBytes("payload-hush-hush"), WebSocketMessageType.Text, true, limit.Token);
            await socket.ReceiveAsync(new byte[1024], limit.Token);
        }
        catch (WebSocketException)
        {
            // Refused, as it should be.
        }
    }

    private static async Task EndAsync(NodeProcess process, string after)
    {
        while (!(await process.LineAsync("{")).Contains($"\"Message\":\"{after}\"", StringComparison.Ordinal))
        {
        }

        await process.SignalAsync("TERM");
        Assert.Equal(0, await process.ExitAsync());
    }
}
