using System.Diagnostics.CodeAnalysis;
using System.Text;
using Relay.Actors.Connections;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Tests;

/// <summary>
/// The far end of one connection: its read loop, which waits where the relay makes it wait, and what it receives, decoded. Pings are answered unless it
/// is <see cref="Mute"/>.
/// </summary>
internal sealed class FakeClient
{
    private readonly Queue<string[]> _reads = new();
    private readonly FrameReader _frames;
    private readonly Queue<string> _received = new();
    private readonly List<byte[]> _binary = [];
    private ValueTask _pending;
    private bool _waits;
    private bool _gone;
    private int _decoded;

    public FakeClient(ClientConnection connection, FakeTransport transport, ConnectionRequest request)
    {
        Connection = connection;
        Transport = transport;
        _frames = new FrameReader(FrameLimits.ForMessagesOf(int.MaxValue / 16), FrameRole.Client, request.Deflate);
    }

    public ClientConnection Connection { get; }

    public FakeTransport Transport { get; }

    public string Id => Connection.ClientId;

    public int Pings { get; private set; }

    public int Pongs { get; private set; }

    /// <summary>True = neither pongs nor closes come from it, as from a cable that was pulled.</summary>
    public bool Mute { get; set; }

    /// <summary>False while the relay holds the read loop back.</summary>
    public bool IsReaderFree => !_waits || _pending.IsCompleted;

    public bool IsGone => _gone;

    /// <summary>Frames received and not yet taken: text as it is, <c>binary</c>, <c>closed CODE REASON</c>.</summary>
    public IReadOnlyCollection<string> Received
    {
        get
        {
            Decode();
            return _received;
        }
    }

    public IReadOnlyList<byte[]> Binary
    {
        get
        {
            Decode();
            return _binary;
        }
    }

    /// <summary>Messages that arrive in one read of the socket.</summary>
    public void Send(params string[] messages) => _reads.Enqueue(messages);

    public void Disconnect()
    {
        if (!_gone)
        {
            _gone = true;
            _reads.Clear();
            Connection.OnDisconnected(null);
        }
    }

    public string? Take()
    {
        Decode();
        return _received.TryDequeue(out var frame) ? frame : null;
    }

    public List<string> TakeAll()
    {
        Decode();
        var all = _received.ToList();
        _received.Clear();
        return all;
    }

    /// <summary>The client's share of a schedule: pongs, reads, and its end. False when it has nothing to do.</summary>
    public bool Pump()
    {
        Decode();
        if (_gone)
        {
            return false;
        }

        if (_waits && !_pending.IsCompleted)
        {
            return Leave();
        }

        if (_waits)
        {
            _waits = false;
            _pending.GetAwaiter().GetResult();
        }

        if (_unanswered > 0 && !Mute)
        {
            _unanswered = 0;
            Start([]);
            return true;
        }

        if (!Transport.IsEnded && _reads.TryDequeue(out var messages))
        {
            Start(messages);
            return true;
        }

        return Leave();
    }

    private int _unanswered;

    [SuppressMessage("Reliability", "CA2012:Use ValueTasks correctly", Justification = "Consumed once, by Pump, when it has completed.")]
    private void Start(string[] messages)
    {
        foreach (var message in messages)
        {
            Connection.OnMessage(Encoding.UTF8.GetBytes(message), binary: false);
        }

        _pending = Connection.OnReadCompletedAsync(false);
        _waits = true;
    }

    // A socket that was dropped ends its read loop, once that loop may go on; a peer that hears a close frame hangs up.
    private bool Leave()
    {
        if (!Transport.IsEnded || (Mute && !Transport.IsAborted) || (_waits && !_pending.IsCompleted))
        {
            return false;
        }

        Disconnect();
        return true;
    }

    private void Decode()
    {
        var bytes = Transport.Bytes;
        while (_decoded < bytes.Length)
        {
            var status = _frames.Read(bytes.AsSpan(_decoded), out var used, out var message);
            _decoded += used;
            Assert.NotEqual(FrameStatus.ProtocolError, status);
            Assert.NotEqual(FrameStatus.Ended, status);
            if (status == FrameStatus.Message)
            {
                Note(message);
            }
        }
    }

    private void Note(WebSocketMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Text:
                _received.Enqueue(message.Text);
                break;
            case MessageKind.Binary:
                _binary.Add(message.Payload.ToArray());
                _received.Enqueue("binary");
                break;
            case MessageKind.Close:
                _received.Enqueue($"closed {message.CloseCode} {message.Text}".TrimEnd());
                break;
            case MessageKind.Ping:
                Pings++;
                _unanswered++;
                break;
            default:
                Pongs++;
                break;
        }
    }
}
