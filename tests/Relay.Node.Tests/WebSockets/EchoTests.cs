using System.Net.WebSockets;
using System.Text;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.WebSockets;

/// <summary>Whole sessions with a client of another make, over <c>/echo</c>.</summary>
public sealed class EchoTests
{
    [Fact]
    public async Task A_client_of_the_platform_gets_its_messages_back_and_closes_cleanly()
    {
        await using var node = await TestNode.StartAsync();
        using var client = new ClientWebSocket();
        await EchoSession.RunAsync(client, new Uri($"ws://127.0.0.1:{node.Port}/echo"));
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task Messages_are_compressed_both_ways_when_agreed_on()
    {
        await using var node = await TestNode.StartAsync();
        using var client = new ClientWebSocket();
        client.Options.DangerousDeflateOptions = new WebSocketDeflateOptions { ClientContextTakeover = false, ServerContextTakeover = false };
        await EchoSession.RunAsync(client, new Uri($"ws://127.0.0.1:{node.Port}/echo"));
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task Echo_is_closed_unless_it_was_asked_for()
    {
        await using var node = await TestNode.StartAsync(TestNode.Options with { Echo = false });
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/echo"));
        var (answer, ending) = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 404 ", answer, StringComparison.Ordinal);
        Assert.Equal(Ending.Fin, ending);
    }

    [Fact]
    public async Task A_message_that_is_never_finished_ends_with_4408()
    {
        await using var node = await TestNode.StartAsync(TestNode.Options with { EchoMessageDeadline = TimeSpan.FromMilliseconds(50) });
        using var client = await node.OpenAsync("/echo");
        await client.SendAsync(RawClient.Text("whole"));
        Assert.Equal("whole", await client.ReadTextAsync());
        await client.SendAsync(RawClient.Text("never whole").AsMemory(0, 5));
        Assert.Equal(4408, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        client.Dispose();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_echo_is_held_back_and_not_buffered()
    {
        await using var node = await TestNode.StartAsync();
        using var client = await node.OpenAsync("/echo");
        var message = RawClient.Frame(Relay.Protocol.WebSockets.Opcode.Binary, new byte[1024 * 1024]);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var sent = 0;
        try
        {
            for (; sent < 1000; sent++)
            {
                await client.SendAsync(message, limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Held back: the server reads no more.
        }

        Assert.InRange(sent, 1, 64);
        client.Reset();
        await node.WhenIdleAsync();
    }
}

/// <summary>What an echo must do, said with the platform's client.</summary>
internal static class EchoSession
{
    public static async Task RunAsync(ClientWebSocket client, Uri uri, HttpMessageInvoker? invoker = null)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await client.ConnectAsync(uri, invoker, limit.Token);
        foreach (var size in (int[])[0, 1, 125, 126, 4096, 65_535, 65_536, 1_000_000])
        {
            var message = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, (size / 10) + 1).Select(number => $"{number:D9} "))[..size]);
            await client.SendAsync(message, WebSocketMessageType.Text, true, limit.Token);
            Assert.Equal(message, await ReceiveAsync(client, WebSocketMessageType.Text, limit.Token));
        }

        await client.SendAsync(new byte[] { 1, 2 }, WebSocketMessageType.Binary, false, limit.Token);
        await client.SendAsync(new byte[] { 3 }, WebSocketMessageType.Binary, true, limit.Token);
        Assert.Equal([1, 2, 3], await ReceiveAsync(client, WebSocketMessageType.Binary, limit.Token));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", limit.Token);
        Assert.Equal(WebSocketState.Closed, client.State);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
    }

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket client, WebSocketMessageType type, CancellationToken limit)
    {
        using var message = new MemoryStream();
        var buffer = new byte[32 * 1024];
        while (true)
        {
            var result = await client.ReceiveAsync(buffer, limit);
            Assert.Equal(type, result.MessageType);
            message.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
            {
                return message.ToArray();
            }
        }
    }
}
