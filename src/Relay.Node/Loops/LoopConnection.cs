using System.Net;
using System.Runtime.InteropServices;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Node.WebSockets;
using Relay.Protocol.Handshake;

namespace Relay.Node.Loops;

/// <summary>
/// One accepted socket on the event loops, from its first byte to its end: request head, then WebSocket, or hand-over to the HTTP server.
/// <para>
/// The head is peeked at until it is complete, so that a connection that is none of ours goes on to Kestrel with all its bytes. Behind the 101 the
/// phases are those of <see cref="ReadLoop"/>: reading, said goodbye, finishing.
/// </para>
/// <para>
/// Whatever happens to it (an event of its socket, a handler that has taken the last read, a timer, an end that somebody wants) sets a mark and calls
/// <see cref="Advance"/>; that runs on one thread at a time, by a counter as the mailbox of an actor. Between reads it holds no buffer.
/// </para>
/// Edge-triggered: registered once, for room as well, and read until a read comes back short.
/// </summary>
internal sealed partial class LoopConnection : ClientTransport, ILoopSource, IThreadPoolWorkItem
{
    private const uint Watched = LibC.EPOLLIN | LibC.EPOLLOUT | LibC.EPOLLRDHUP | LibC.EPOLLET;
    private const uint Readable = LibC.EPOLLIN | Hangup;
    private const uint Hangup = LibC.EPOLLRDHUP | LibC.EPOLLHUP | LibC.EPOLLERR;
    private const uint Writable = LibC.EPOLLOUT | LibC.EPOLLHUP | LibC.EPOLLERR;

    /// <summary>Reads of one client before the others of its loop have their turn.</summary>
    private const int ReadsPerTurn = 4;

    /// <summary>
    /// Largest read of frames. What one read brings is handled in one turn: 16 KiB are a hundred small publishes, enough to share the cost of the turn, and few enough that a client
    /// that sends without end keeps the others waiting for a fraction of a millisecond.
    /// </summary>
    private const int FrameReadBytes = ClientConnection.FullRead;

    private readonly LoopListener _listener;
    private readonly EventLoop _loop;
    private string _remote;
    private IPEndPoint? _source;
    private bool _expectsProxy;
    private readonly HandshakeRefusal? _refusal;
    private AddressHold _hold;
    private SharedDescriptor _socket;
    private OpenedClient _client;
    private BlockedSend? _blocked;
    private Action? _resume;
    private ValueTask _taken;
    private Exception? _failure;
    private uint _events;
    private int _calls;
    private Phase _phase;
    private bool _headExpired;
    private bool _waits;
    private bool _ended;
    private bool _reading = true;
    private bool _resets;

    /// <param name="listener">Where it came in.</param>
    /// <param name="loop">Who watches its socket.</param>
    /// <param name="descriptor">The socket; owned from now on.</param>
    /// <param name="remote">The peer's address.</param>
    /// <param name="refusal">What it is told in place of being served; null = it is.</param>
    /// <param name="hold">What it counts for.</param>
    public LoopConnection(LoopListener listener, EventLoop loop, int descriptor, string remote, HandshakeRefusal? refusal, AddressHold hold)
        : base(listener.Server.Time)
    {
        _listener = listener;
        _loop = loop;
        _socket = new SharedDescriptor(descriptor);
        _remote = remote;
        _refusal = refusal;
        _hold = hold;
        _expectsProxy = listener.Identity.ProxyProtocol;
    }

    private enum Phase : byte
    {
        Head,
        Client,

        /// <summary>Refused: what is still received is discarded.</summary>
        Draining,

        /// <summary>Closed, or somebody else's.</summary>
        Gone,
    }

    /// <summary>Where it came in.</summary>
    public LoopListener Listener => _listener;

    /// <inheritdoc/>
    public override bool WaitsForFin => true;

    private WebSocketServer Server => _listener.Server;

    /// <summary>Begins; where that cannot be, the socket is closed and nothing else happens.</summary>
    public void Start()
    {
        if (_listener.Loops.TrySet(_socket.Number, this) && _loop.TryWatch(_socket.Number, Watched))
        {
            StartTimer(Server.Options.HandshakeTimeout, static state => ((LoopConnection)state!).ExpireHead());
            if (_refusal is not null)
            {
                Wake();
            }

            return;
        }

        Abort();
    }

    /// <inheritdoc/>
    public void OnEvents(uint events)
    {
        if ((events & Writable) != 0)
        {
            Volatile.Read(ref _blocked)?.Advance();
        }

        if ((events & Readable) != 0)
        {
            Interlocked.Or(ref _events, events & Readable);
            Advance();
        }
    }

    /// <summary>A turn on a loop's thread: the connection is to look at its marks.</summary>
    void IThreadPoolWorkItem.Execute() => Advance();

    /// <inheritdoc/>
    public override unsafe int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (IsFinishing || !_socket.TryEnter())
        {
            return -1;
        }

        int sent;
        var error = 0;
        fixed (byte* pointer = bytes)
        {
            do
            {
                sent = LibC.Send(_socket.Number, pointer, bytes.Length);
            }
            while (sent < 0 && (error = Marshal.GetLastSystemError()) == LibC.EINTR);
        }

        _socket.Exit();
        return sent >= 0 ? sent : error is LibC.EAGAIN or LibC.ENOBUFS ? 0 : -1;
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        using var send = new BlockedSend(this, segments, Time, Server.Options.SendTimeout);

        // Before the first try: an event that reports room must find it.
        Interlocked.Exchange(ref _blocked, send);
        if (IsOver)
        {
            // The end may have passed by before there was anything to fail.
            send.Fail();
        }

        send.Advance();
        var sent = await send.Completion;
        Volatile.Write(ref _blocked, null);
        return sent;
    }

    /// <inheritdoc/>
    protected override void CloseWriting()
    {
        if (_socket.TryEnter())
        {
            LibC.ShutdownWriting(_socket.Number);
            _socket.Exit();
        }
    }

    /// <inheritdoc/>
    protected override void Drop() => Volatile.Write(ref _resets, true);

    /// <inheritdoc/>
    protected override void Wake() => _listener.Loops.Post(this);

    /// <summary>Does what the marks say, unless another thread is at it; that one then goes round again.</summary>
    private void Advance()
    {
        if (Interlocked.Increment(ref _calls) != 1)
        {
            return;
        }

        int seen;
        do
        {
            seen = Volatile.Read(ref _calls);
            try
            {
                Step();
            }
            catch (Exception error)
            {
                _failure = error;
                _listener.LogFailed(error);
                Abort();
                Close();
            }
        }
        while (Interlocked.Add(ref _calls, -seen) != 0);
    }

    private void Step()
    {
        switch (_phase)
        {
            case Phase.Head:
                ReadHead();
                break;
            case Phase.Client:
                ReadFrames();
                break;
            case Phase.Draining:
                Drain();
                break;
        }
    }

    private void Close()
    {
        if (_phase == Phase.Gone)
        {
            return;
        }

        var served = _phase == Phase.Client;
        _phase = Phase.Gone;
        End();
        _listener.Loops.TrySet(_socket.Number, null);
        if (Volatile.Read(ref _resets))
        {
            LibC.ResetOnClose(_socket.Number);
        }

        _socket.Close();
        Interlocked.MemoryBarrier();
        Volatile.Read(ref _blocked)?.Fail();
        ReleaseHold();
        _listener.Closed(_refusal is null);
        if (served)
        {
            _client.Frames.Dispose();
            _client.Group.Closed();
            _client.Handler.OnDisconnected(_failure);
        }
    }

    private void ReleaseHold()
    {
        _hold.Release();
        _hold = default;
    }

    private static byte[] Scratch => EventLoop.Current!.Scratch;

    /// <summary>True when there may be something to read; the mark is taken before the read, so that what comes meanwhile sets it again.</summary>
    private bool TakeReadable(out bool hangup)
    {
        var events = Volatile.Read(ref _events) == 0 ? 0 : Interlocked.Exchange(ref _events, 0);
        hangup = (events & Hangup) != 0;
        return events != 0;
    }

    private unsafe int Receive(int flags, out int error, int most = EventLoop.ScratchBytes)
    {
        error = 0;
        int received;
        fixed (byte* scratch = Scratch)
        {
            do
            {
                received = LibC.Receive(_socket.Number, scratch, most, flags | LibC.MSG_DONTWAIT);
            }
            while (received < 0 && (error = Marshal.GetLastSystemError()) == LibC.EINTR);
        }

        if (received >= 0)
        {
            error = 0;
        }

        return received;
    }
}
