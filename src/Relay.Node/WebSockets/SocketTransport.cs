using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Relay.Node.WebSockets;

/// <summary>
/// Writes to the TCP socket itself, past Kestrel's output pipe, while Kestrel goes on reading from it (architecture.md, decision 5). One
/// non-blocking <c>send</c> on the caller's thread costs 5 us; a pipe, its pump and its wake-ups cost several times that.
/// <para>
/// The rule that makes it safe: after the request head was consumed nothing at all is written to Kestrel's pipe, the 101 response included, or
/// bytes of the two ways would overtake each other.
/// </para>
/// </summary>
internal sealed class SocketTransport : PipedTransport
{
    private readonly ConnectionContext _connection;
    private readonly Socket _socket;
    private readonly GatheredSendPool _sends;

    /// <param name="connection">The connection, for dropping it.</param>
    /// <param name="socket">Its socket.</param>
    /// <param name="sends">Where a blocked send takes its event arguments from.</param>
    /// <param name="time">Clock of the lingering.</param>
    public SocketTransport(ConnectionContext connection, Socket socket, GatheredSendPool sends, TimeProvider time)
        : base(connection.Transport.Input, time)
    {
        _connection = connection;
        _socket = socket;
        _sends = sends;

        // Kestrel only uses asynchronous operations, which this does not touch; a synchronous send now returns a short count, or WouldBlock,
        // where it would have waited.
        socket.Blocking = false;
        socket.NoDelay = true;
    }

    /// <inheritdoc/>
    public override bool WaitsForFin => true;

    /// <inheritdoc/>
    public override int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (IsFinishing)
        {
            return -1;
        }

        try
        {
            var sent = _socket.Send(bytes, SocketFlags.None, out var error);
            return error switch
            {
                SocketError.Success => sent,
                SocketError.WouldBlock => 0,
                _ => -1,
            };
        }
        catch (ObjectDisposedException)
        {
            // The reading half ended a moment ago.
            return -1;
        }
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        if (IsFinishing)
        {
            return false;
        }

        var send = _sends.Rent();
        try
        {
            return await send.RunAsync(_socket, segments, this);
        }
        finally
        {
            _sends.Return(send);
        }
    }

    /// <inheritdoc/>
    protected override void CloseWriting()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Already gone; the reading half ends by itself.
        }
    }

    /// <inheritdoc/>
    protected override void Drop() => _connection.Abort();
}
