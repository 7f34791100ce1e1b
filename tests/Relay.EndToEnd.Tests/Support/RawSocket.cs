using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>A TCP client that sends any bytes, reads only when asked, and does nothing by itself: it answers no ping.</summary>
internal sealed class RawSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly List<byte> _received = [];

    private RawSocket(Socket socket) => _socket = socket;

    public static async Task<RawSocket> ConnectAsync(int port, int? receiveBuffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } bytes)
        {
            socket.ReceiveBufferSize = bytes;
        }

        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            return new RawSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A correct upgrade.</summary>
    public static string Upgrade(string target, params string[] headers) =>
        $"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + "Sec-WebSocket-Version: 13\r\n" + string.Concat(headers.Select(static header => header + "\r\n")) + "\r\n";

    /// <summary>One masked frame.</summary>
    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        var output = new ArrayBufferWriter<byte>(payload.Length + 14);
        FrameWriter.WriteMasked(output, opcode, payload, 0x3D21FA37);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Text(string text) => Frame(Opcode.Text, Encoding.UTF8.GetBytes(text));

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var limit = new CancellationTokenSource(WsClient.Bound, TimeProvider.System);
        while (bytes.Length > 0)
        {
            bytes = bytes[await _socket.SendAsync(bytes, limit.Token)..];
        }
    }

    /// <summary>Upgrades and takes the answer's head.</summary>
    public async Task OpenAsync(string target, params string[] headers)
    {
        await SendAsync(Upgrade(target, headers));
        var head = await HeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
    }

    /// <summary>Status line and headers of the next answer; empty when the connection was ended instead.</summary>
    public async Task<string> HeadAsync()
    {
        int end;
        while ((end = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_received).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (await ReceiveAsync() <= 0)
            {
                return "";
            }
        }

        return Encoding.Latin1.GetString(Take(end + 4));
    }

    /// <summary>The next frame of the server, whole.</summary>
    public async Task<(Opcode Opcode, byte[] Payload)> FrameAsync()
    {
        var head = await TakeAsync(2);
        long length = head[1];
        if (length >= 126)
        {
            length = (await TakeAsync(length == 126 ? 2 : 8)).Aggregate(0L, static (value, part) => (value << 8) | part);
        }

        return ((Opcode)(head[0] & 0x0F), await TakeAsync((int)length));
    }

    /// <summary>Reads to the end of the connection, whichever way it ends; the bytes that came.</summary>
    public async Task<byte[]> ToEndAsync()
    {
        while (await ReceiveAsync() > 0)
        {
        }

        return [.. _received];
    }

    /// <summary>Ends the sending half.</summary>
    public void HalfClose() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the sending half once something has been sent.</summary>
    public void HalfClose(Task after) => _ = after.ContinueWith(
        _ =>
        {
            try
            {
                HalfClose();
            }
            catch (SocketException)
            {
                // The other side was faster.
            }
        },
        TaskScheduler.Default);

    /// <summary>Ends the connection with a reset.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Bytes received; 0 = FIN, -1 = reset.</summary>
    private async Task<int> ReceiveAsync()
    {
        using var limit = new CancellationTokenSource(WsClient.Bound, TimeProvider.System);
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            var count = await _socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
            _received.AddRange(buffer.AsSpan(0, count));
            return count;
        }
        catch (SocketException)
        {
            return -1;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<byte[]> TakeAsync(int count)
    {
        while (_received.Count < count)
        {
            Assert.True(await ReceiveAsync() > 0, "the connection ended inside a frame");
        }

        return Take(count);
    }

    private byte[] Take(int count)
    {
        var bytes = _received.GetRange(0, count).ToArray();
        _received.RemoveRange(0, count);
        return bytes;
    }
}
