using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Relay.Actors.Limits;
using Relay.Node.Proxies;
using Relay.Node.WebSockets;
using Relay.Protocol.Handshake;

namespace Relay.Node.Loops;

/// <summary>
/// A plain listener on the event loops. To Kestrel it is a transport whose connections are those that turned out not to be WebSockets.
/// <para>
/// It counts connections as <see cref="GateMiddleware"/> does for the others: one too many is told 429 or 503 at once, without waiting for a request; far too
/// many are dropped.
/// </para>
/// </summary>
internal sealed partial class LoopListener : IConnectionListener, ILoopSource
{
    /// <summary>Connections accepted before the clients of the loop have their turn.</summary>
    private const int AcceptsPerTurn = 64;

    /// <summary>Until descriptors or memory may be there again.</summary>
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly int _descriptor;
    private readonly EventLoop _loop;
    private readonly ILogger _logger;
    private readonly SocketConnectionContextFactory _contexts;
    private readonly Channel<ConnectionContext> _handedOver = Channel.CreateUnbounded<ConnectionContext>();
    private readonly ITimer _again;
    private int _closed;

    /// <param name="socket">Bound; listens from now on.</param>
    /// <param name="loops">Where its connections live.</param>
    /// <param name="server">What they become.</param>
    /// <param name="identity">Its name and dialect.</param>
    /// <param name="contexts">Makes Kestrel's connections.</param>
    /// <param name="logger">Where failures of connections are logged.</param>
    /// <exception cref="IOException">The socket cannot be watched.</exception>
    public LoopListener(Socket socket, EventLoops loops, WebSocketServer server, ListenerIdentity identity, SocketConnectionContextFactory contexts, ILogger logger)
    {
        _socket = socket;
        _contexts = contexts;
        _logger = logger;
        Loops = loops;
        Server = server;
        Identity = identity;
        EndPoint = socket.LocalEndPoint!;
        socket.Blocking = false;
        _descriptor = (int)socket.Handle;
        _again = server.Time.CreateTimer(static state => ((LoopListener)state!).AcceptAgain(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _loop = loops.Next();
        socket.Listen(server.Options.Backlog);
        if (!loops.TrySet(_descriptor, this) || !_loop.TryWatch(_descriptor, LibC.EPOLLIN))
        {
            throw new IOException($"Listener '{identity.Name}' cannot be watched.");
        }
    }

    /// <inheritdoc/>
    public EndPoint EndPoint { get; }

    public EventLoops Loops { get; }

    public WebSocketServer Server { get; }

    public ListenerIdentity Identity { get; }

    /// <summary>Level-triggered: what was left comes again.</summary>
    public void OnEvents(uint events)
    {
        for (var i = 0; i < AcceptsPerTurn; i++)
        {
            if (!TryAccept())
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _handedOver.Reader.WaitToReadAsync(cancellationToken) && _handedOver.Reader.TryRead(out var connection) ? connection : null;

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _loop.Forget(_descriptor);
            Loops.TrySet(_descriptor, null);
            _again.Dispose();
            _socket.Dispose();
            _handedOver.Writer.TryComplete();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Drops whoever is still there.</summary>
    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        foreach (var connection in Loops.Sources.OfType<LoopConnection>().Where(connection => connection.Listener == this))
        {
            connection.Abort();
        }

        while (_handedOver.Reader.TryRead(out var unserved))
        {
            unserved.Abort();
            await unserved.DisposeAsync();
            Server.Gate.Leave();
        }
    }

    /// <summary>A peer that is no configured proxy was dropped.</summary>
    public void LogNoProxy(string peer) => ProxyMiddleware.LogDropped(_logger, Identity.Name, peer);

    /// <summary>Gives a connection that is no WebSocket to Kestrel, which admits it anew.</summary>
    /// <param name="descriptor">Its socket.</param>
    /// <param name="source">The client, where a proxy named it.</param>
    public void HandOver(int descriptor, IPEndPoint? source)
    {
        Server.Gate.Release();
        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        ConnectionContext connection;
        try
        {
            connection = _contexts.Create(new Socket(handle));
        }
        catch (SocketException)
        {
            // The peer has gone meanwhile.
            handle.Dispose();
            Server.Gate.Leave();
            return;
        }

        connection.Items[ProxyMiddleware.IsRead] = true;
        connection.RemoteEndPoint = source ?? connection.RemoteEndPoint;
        if (!_handedOver.Writer.TryWrite(connection))
        {
            // The listener is closing.
            connection.Abort();
            Server.Gate.Leave();
        }
    }

    /// <summary>A connection has ended.</summary>
    public void Closed(bool admitted)
    {
        if (admitted)
        {
            Server.Gate.Release();
        }

        Server.Gate.Leave();
    }

    [LoggerMessage(LogLevel.Error, "a connection's handler failed; the connection is dropped")]
    public partial void LogFailed(Exception error);

    private unsafe bool TryAccept()
    {
        var address = stackalloc byte[LibC.AddressBytes];
        var descriptor = LibC.Accept(_descriptor, address);
        if (descriptor < 0)
        {
            return OnAcceptError(Marshal.GetLastSystemError());
        }

        if (!Server.Gate.TryEnter())
        {
            LibC.Close(descriptor);
            return true;
        }

        LibC.SetNoDelay(descriptor);
        var remote = RemoteOf(new ReadOnlySpan<byte>(address, LibC.AddressBytes));
        var refusal = Admit(remote.Address, out var hold);
        new LoopConnection(this, Loops.Next(), descriptor, remote.ToString(), refusal, hold).Start();
        return true;
    }

    /// <summary>Null when a connection may come in.</summary>
    private HandshakeRefusal? Admit(IPAddress peer, out AddressHold hold)
    {
        // Behind a proxy the client is not known yet; the door counts it.
        if (!Server.Limits.TryHold(Identity.ProxyProtocol || Server.Options.Proxies.Trusts(peer) ? null : peer, out hold))
        {
            return LimitAnswers.AddressFull;
        }

        if (Server.Gate.TryAdmit())
        {
            return null;
        }

        Server.Limits.Reached(Limit.Connections, LimitOutcome.Refused, Identity.Name);
        return LimitAnswers.Full;
    }

    /// <summary>True = go on with the next connection.</summary>
    private bool OnAcceptError(int error)
    {
        switch (error)
        {
            case LibC.EAGAIN:
                return false;
            case LibC.EMFILE or LibC.ENFILE or LibC.ENOMEM or LibC.ENOBUFS:
                // The connection stays in the backlog, and a level-triggered event would come at once, for ever.
                LogNoRoom(Identity.Name, error);
                _loop.Change(_descriptor, 0);
                _again.Change(AcceptPause, Timeout.InfiniteTimeSpan);
                return false;
            default:
                // accept(2): errors of the new connection are reported here, and are that connection's end.
                return Volatile.Read(ref _closed) == 0;
        }
    }

    private void AcceptAgain()
    {
        if (Volatile.Read(ref _closed) == 0)
        {
            _loop.Change(_descriptor, LibC.EPOLLIN);
        }
    }

    /// <summary>The peer's address from <c>sockaddr_in</c> or <c>sockaddr_in6</c>.</summary>
    private static IPEndPoint RemoteOf(ReadOnlySpan<byte> address)
    {
        var port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        var ip = MemoryMarshal.Read<ushort>(address) == (ushort)AddressFamily.InterNetwork ? new IPAddress(address.Slice(4, 4)) : new IPAddress(address.Slice(8, 16));
        return new IPEndPoint(ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip, port);
    }

    [LoggerMessage(LogLevel.Warning, "listener {Listener} cannot accept connections now: error {Error}")]
    private partial void LogNoRoom(string listener, int error);
}
