using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.Support;

/// <summary>How a server ended a connection.</summary>
internal enum Ending
{
    /// <summary>FIN: everything the server sent was received.</summary>
    Fin,

    /// <summary>RST: what the server sent last may be lost.</summary>
    Reset,
}

/// <summary>A TCP client that sends any bytes and tells what came back. Every wait ends after <see cref="Eventually.Limit"/>.</summary>
internal sealed class RawClient : IDisposable
{
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";

    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly List<byte> _received = [];

    private RawClient(Socket socket, Stream stream)
    {
        _socket = socket;
        _stream = stream;
    }

    /// <summary>What <c>Sec-WebSocket-Accept</c> must be for the key sent: the example of RFC 6455 §1.3.</summary>
    public static string Accept => "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    public static async Task<RawClient> ConnectAsync(int port, int? receiveBuffer = null, bool tls = false)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } bytes)
        {
            socket.ReceiveBufferSize = bytes;
        }

        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        if (tls)
        {
            var secured = new SslStream(stream);
            await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = TestCertificate.Trusts,
            });
            stream = secured;
        }

        return new RawClient(socket, stream);
    }

    /// <summary>A correct upgrade with further header lines.</summary>
    public static string Upgrade(string target, params string[] headers) =>
        $"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {Key}\r\nSec-WebSocket-Version: 13\r\n"
        + string.Concat(headers.Select(header => header + "\r\n")) + "\r\n";

    /// <summary>One masked frame.</summary>
    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool final = true, bool rsv1 = false)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMasked(writer, opcode, payload, 0x3D21FA37, rsv1, final);
        return writer.WrittenSpan.ToArray();
    }

    public static byte[] Text(string text) => Frame(Opcode.Text, Encoding.UTF8.GetBytes(text));

    public static byte[] Close(int code, string reason = "") =>
        Frame(Opcode.Close, [(byte)(code >> 8), (byte)code, .. Encoding.UTF8.GetBytes(reason)]);

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await _stream.WriteAsync(bytes, limit.Token);
    }

    /// <summary>As above, with a limit of the caller's.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken limit) => await _stream.WriteAsync(bytes, limit);

    /// <summary>Sends as much as the server takes; ends quietly when it hangs up.</summary>
    public async Task SendUntilRefusedAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await SendAsync(bytes);
        }
        catch (IOException)
        {
            // The server had enough.
        }
    }

    /// <summary>Ends the sending half.</summary>
    public void HalfClose() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the connection with a reset.</summary>
    public void Reset() => _socket.Close(0);

    /// <summary>Status line and headers of the next answer.</summary>
    public async Task<string> ReadHeadAsync()
    {
        var end = -1;
        while ((end = IndexOfHeadEnd()) < 0)
        {
            Assert.True(await ReceiveAsync() > 0, $"connection ended inside a head: {Received}");
        }

        return Encoding.Latin1.GetString(Take(end + 4));
    }

    /// <summary>The next line, without its CRLF.</summary>
    public async Task<string> ReadLineAsync()
    {
        int end;
        while ((end = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_received).IndexOf("\r\n"u8)) < 0)
        {
            Assert.True(await ReceiveAsync() > 0, $"connection ended inside a line: {Received}");
        }

        return Encoding.Latin1.GetString(Take(end + 2)[..end]);
    }

    /// <summary>The next so many bytes.</summary>
    public Task<byte[]> ReadBytesAsync(int count) => TakeAsync(count);

    /// <summary>The next frame of the server.</summary>
    public async Task<(Opcode Opcode, byte[] Payload, bool Compressed)> ReadFrameAsync()
    {
        var first = await TakeAsync(2);
        Assert.True(first[1] < 0x80, "a server's frame is masked");
        long length = first[1];
        if (length >= 126)
        {
            length = (await TakeAsync(length == 126 ? 2 : 8)).Aggregate(0L, (value, part) => (value << 8) | part);
        }

        return ((Opcode)(first[0] & 0x0F), await TakeAsync((int)length), (first[0] & 0x40) != 0);
    }

    /// <summary>The next frame as text.</summary>
    public async Task<string> ReadTextAsync()
    {
        var frame = await ReadFrameAsync();
        Assert.Equal(Opcode.Text, frame.Opcode);
        return Encoding.UTF8.GetString(frame.Payload);
    }

    /// <summary>Reads on to a close frame, other frames passed over; its code, or 1005.</summary>
    public async Task<int> ReadCloseCodeAsync()
    {
        while (true)
        {
            var (opcode, payload, _) = await ReadFrameAsync();
            if (opcode == Opcode.Close)
            {
                return payload.Length < 2 ? CloseCode.NoStatus : (payload[0] << 8) | payload[1];
            }
        }
    }

    /// <summary>Reads to the end of the connection: everything not taken yet, and how it ended.</summary>
    public async Task<(string Text, Ending Ending)> ReadToEndAsync()
    {
        try
        {
            while (await ReceiveAsync() > 0)
            {
            }

            return (Received, Ending.Fin);
        }
        catch (IOException)
        {
            return (Received, Ending.Reset);
        }
    }

    public void Dispose() => _stream.Dispose();

    private string Received => Encoding.Latin1.GetString([.. _received]);

    private async Task<int> ReceiveAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var buffer = new byte[16 * 1024];
        var count = await _stream.ReadAsync(buffer, limit.Token);
        _received.AddRange(buffer.AsSpan(0, count));
        return count;
    }

    private async Task<byte[]> TakeAsync(int count)
    {
        while (_received.Count < count)
        {
            Assert.True(await ReceiveAsync() > 0, "connection ended inside a frame");
        }

        return Take(count);
    }

    private byte[] Take(int count)
    {
        var bytes = _received.GetRange(0, count).ToArray();
        _received.RemoveRange(0, count);
        return bytes;
    }

    private int IndexOfHeadEnd() => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_received).IndexOf("\r\n\r\n"u8);
}
