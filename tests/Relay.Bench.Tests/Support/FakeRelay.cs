using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Bench.Tests.Support;

/// <summary>
/// A server that speaks just enough of the native dialect and misdelivers on purpose: <see cref="Faults"/> turns what should be delivered to one
/// subscriber into what is. One lock around everything; a few connections only.
/// </summary>
internal sealed class FakeRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Lock _gate = new();
    private readonly List<Client> _clients = [];
    private readonly List<string> _published = [];
    private readonly List<Task> _reading = [];
    private readonly Task _accepting;
    private long _offset;
    private int _accepted;
    private int _subscribed;

    public FakeRelay()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Url => $"http://{_listener.LocalEndpoint}";

    /// <summary>From (subscriber in order of subscription, event number from 1) to the frames sent: made of earlier or coming events too.</summary>
    public Func<int, long, Func<long, string>, IEnumerable<string>> Faults { get; set; } = static (_, offset, frame) => [frame(offset)];

    /// <summary>The same for what one who comes back has missed.</summary>
    public Func<int, long, Func<long, string>, IEnumerable<string>> Replays { get; set; } = static (_, offset, frame) => [frame(offset)];

    /// <summary>What those are told who come back, by subscriber.</summary>
    public Func<int, bool> Recovers { get; set; } = static _ => true;

    /// <summary>Publishes from this number on are refused; null = none.</summary>
    public long? RefuseFrom { get; set; }

    /// <summary>This publish is delivered and not acked; null = all are.</summary>
    public long? SilentAt { get; set; }

    /// <summary>Subscribers beyond this many are refused the upgrade.</summary>
    public int MaxConnections { get; set; } = int.MaxValue;

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        Task[] reading;
        lock (_gate)
        {
            _clients.ForEach(static client => client.Socket.Dispose());
            reading = [.. _reading];
        }

        await Task.WhenAll(reading);
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                lock (_gate)
                {
                    var client = new Client(socket);
                    _clients.Add(client);
                    _reading.Add(ReadAsync(client, refused: ++_accepted > MaxConnections));
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Stopped.
            return;
        }
    }

    private async Task ReadAsync(Client client, bool refused)
    {
        await Task.Yield();
        var buffer = new byte[64 * 1024];
        var head = "";
        try
        {
            while (await client.Socket.ReceiveAsync(buffer) is var count and > 0)
            {
                if (client.IsUpgraded)
                {
                    TakeFrames(client, buffer.AsSpan(0, count));
                    continue;
                }

                head += Encoding.Latin1.GetString(buffer, 0, count);
                if (head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    await client.Socket.SendAsync(Encoding.ASCII.GetBytes(refused ? "HTTP/1.1 503 Service Unavailable\r\n\r\n" : Accept(head)));
                    client.IsUpgraded = true;
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The other side, or the test, has ended it.
            return;
        }
        finally
        {
            lock (_gate)
            {
                client.Channel = null;
            }
        }
    }

    private static string Accept(string head)
    {
        var key = Array.Find(head.Split("\r\n"), static line => line.StartsWith("Sec-WebSocket-Key: ", StringComparison.Ordinal))!["Sec-WebSocket-Key: ".Length..];
        return $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {HandshakeResponse.AcceptValue(key)}\r\n\r\n";
    }

    private void TakeFrames(Client client, ReadOnlySpan<byte> bytes)
    {
        while (client.Frames.Read(bytes, out var consumed, out var message) == FrameStatus.Message)
        {
            bytes = bytes[consumed..];
            if (message.Kind == MessageKind.Text)
            {
                using var json = JsonDocument.Parse(message.Payload);
                lock (_gate)
                {
                    Answer(client, json.RootElement);
                }
            }
        }
    }

    private void Answer(Client client, JsonElement request)
    {
        var id = request.GetProperty("id").GetRawText();
        if (request.GetProperty("type").GetString() == "subscribe")
        {
            client.Number = _subscribed++;
            client.Channel = request.GetProperty("channel").GetString();
            Subscribe(client, id, request.TryGetProperty("since", out var since) ? since.GetProperty("offset").GetInt64() : null);
            return;
        }

        if (_offset + 1 >= RefuseFrom)
        {
            client.Send($"{{\"type\":\"ack\",\"id\":{id},\"success\":false,\"code\":\"RATE_LIMITED\",\"error\":\"too fast\",\"timestamp\":1}}");
            return;
        }

        _offset++;
        var channel = request.GetProperty("channel").GetRawText();
        _published.Add(
            $"{{\"id\":\"msg_{_offset}\",\"channel\":{channel},\"event\":\"task.updated\",\"data\":{request.GetProperty("data").GetRawText()},\"timestamp\":1,\"epoch\":\"00000001\",\"offset\":{_offset}}}");
        foreach (var subscriber in _clients.Where(static other => other.Channel is not null))
        {
            foreach (var frame in Faults(subscriber.Number, _offset, FrameOf))
            {
                subscriber.Send(frame);
            }
        }

        if (_offset == SilentAt)
        {
            return;
        }

        client.Send($"{{\"type\":\"ack\",\"id\":{id},\"success\":true,\"timestamp\":1,\"epoch\":\"00000001\",\"offset\":{_offset},\"duplicate\":false,\"subscribers\":1}}");
    }

    private void Subscribe(Client client, string id, long? since)
    {
        var recovered = since is null ? "" : $",\"recovered\":{(Recovers(client.Number) ? "true" : "false")}";
        client.Send($"{{\"type\":\"ack\",\"id\":{id},\"success\":true,\"timestamp\":1,\"epoch\":\"00000001\",\"offset\":{_offset}{recovered}}}");
        for (var offset = since + 1; offset <= _offset; offset++)
        {
            foreach (var frame in Replays(client.Number, offset.Value, FrameOf))
            {
                client.Send(frame);
            }
        }
    }

    private string FrameOf(long offset) => _published[(int)offset - 1];

    private sealed class Client(Socket socket)
    {
        public Socket Socket { get; } = socket;

        public FrameReader Frames { get; } = new(FrameLimits.Default);

        public bool IsUpgraded { get; set; }

        public string? Channel { get; set; }

        public int Number { get; set; }

        public void Send(string text)
        {
            var output = new ArrayBufferWriter<byte>();
            FrameWriter.WriteText(output, Encoding.UTF8.GetBytes(text));
            try
            {
                Socket.Send(output.WrittenSpan);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // It has left, and its own loop has not noticed yet.
                Channel = null;
            }
        }
    }
}
