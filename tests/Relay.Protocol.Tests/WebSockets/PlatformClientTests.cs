using System.Net.WebSockets;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>What the writer and the deflater make, read by the platform's own client.</summary>
public sealed class PlatformClientTests
{
    [Fact]
    public async Task The_platform_reads_plain_and_compressed_messages_of_all_sizes()
    {
        byte[][] bodies = [.. new[] { 0, 1, 125, 126, 4096, 65535, 65536, 200_000 }.Select(DeflateMessageTests.Prose), new byte[100_000], DeflateMessageTests.Noise(70_000)];
        using var frames = new FrameBuffer();
        foreach (byte[] body in bodies)
        {
            FrameWriter.Write(frames, Opcode.Binary, body);
            FrameWriter.WritePing(frames, "between"u8);
            frames.BeginFrame(Opcode.Binary);
            Deflater.Compress(body, frames);
            frames.EndFrame(rsv1: true);
        }

        FrameWriter.WriteClose(frames, CloseCode.ServiceRestart, "bis gleich");
        var options = new WebSocketCreationOptions
        {
            DangerousDeflateOptions = new WebSocketDeflateOptions { ClientContextTakeover = false, ServerContextTakeover = false },
        };
        using var client = WebSocket.CreateFromStream(new OneWayStream(frames.ToArray()), options);
        foreach (byte[] body in bodies)
        {
            Assert.Equal(body, await Receive(client));
            Assert.Equal(body, await Receive(client));
        }

        Assert.Empty(await Receive(client));
        Assert.Equal(CloseCode.ServiceRestart, (int)client.CloseStatus!);
        Assert.Equal("bis gleich", client.CloseStatusDescription);
    }

    private static async Task<byte[]> Receive(WebSocket socket)
    {
        var message = new MemoryStream();
        var buffer = new byte[8192];
        while (true)
        {
            ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            await message.WriteAsync(buffer.AsMemory(0, result.Count));
            if (result.EndOfMessage || result.MessageType == WebSocketMessageType.Close)
            {
                return message.ToArray();
            }
        }
    }
}
