using System.Net;
using System.Net.Sockets;

namespace Relay.Bench.Wire;

/// <summary>Takes what one connection receives. Never called by two threads at once.</summary>
internal interface IByteReceiver
{
    /// <summary>Takes all <paramref name="bytes"/>; null to go on, or why the connection must end.</summary>
    string? OnBytes(ReadOnlySpan<byte> bytes);
}

/// <summary>
/// One TCP connection to the server and its read loop.
/// <para>
/// Each connection owns 4 KiB for the read that waits, so thousands of idle ones cost little. Whatever a burst brings beyond that is read at once, without
/// waiting, into one large buffer per thread that stays in its cache. With <see cref="SocketThreads.Inline"/> the continuations run on the thread
/// that polls the sockets, so a delivery costs no hand-over to another thread.
/// </para>
/// </summary>
internal sealed class ServerLink : IDisposable
{
    private const int WaitingBytes = 4 * 1024;
    private const int BurstBytes = 256 * 1024;

    // linux/in.h: the port is chosen at connect, so that one source address serves as many connections as there are ports per destination.
    private const int IpBindAddressNoPort = 24;

    [ThreadStatic]
    private static byte[]? t_burst;

    private readonly Socket _socket;
    private readonly byte[] _waiting = GC.AllocateUninitializedArray<byte>(WaitingBytes, pinned: true);

    private ServerLink(Socket socket)
    {
        _socket = socket;
        Out = new SendQueue(socket);
    }

    /// <summary>The way to the server.</summary>
    public SendQueue Out { get; }

    /// <summary>Opens a connection.</summary>
    /// <param name="server">Address and port.</param>
    /// <param name="source">Address to come from; null = the system's choice.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="SocketException">The server refuses or cannot be reached.</exception>
    public static async Task<ServerLink> ConnectAsync(IPEndPoint server, IPAddress? source, CancellationToken cancellation)
    {
        var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (source is not null)
            {
                socket.SetRawSocketOption((int)SocketOptionLevel.IP, IpBindAddressNoPort, BitConverter.GetBytes(1));
                socket.Bind(new IPEndPoint(source, 0));
            }

            await socket.ConnectAsync(server, cancellation);
            socket.Blocking = false;
            return new ServerLink(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Reads until the connection ends; returns why.</summary>
    public async Task<string> ReadAsync(IByteReceiver receiver)
    {
        try
        {
            while (true)
            {
                var count = await _socket.ReceiveAsync(_waiting, SocketFlags.None);
                if (count == 0)
                {
                    return "closed by the server";
                }

                if (receiver.OnBytes(_waiting.AsSpan(0, count)) is { } reason || (count == WaitingBytes && (reason = ReadBurst(receiver)) is not null))
                {
                    return reason;
                }
            }
        }
        catch (SocketException error)
        {
            return error.Message;
        }
        catch (ObjectDisposedException)
        {
            return "closed by the generator";
        }
    }

    /// <summary>Drops the connection; the read loop ends.</summary>
    public void Dispose()
    {
        Out.Dispose();
        _socket.Dispose();
    }

    private string? ReadBurst(IByteReceiver receiver)
    {
        var buffer = t_burst ??= GC.AllocateUninitializedArray<byte>(BurstBytes, pinned: true);
        while (true)
        {
            var count = _socket.Receive(buffer, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                return null;
            }

            if (error != SocketError.Success)
            {
                return new SocketException((int)error).Message;
            }

            if (count == 0)
            {
                return "closed by the server";
            }

            if (receiver.OnBytes(buffer.AsSpan(0, count)) is { } reason)
            {
                return reason;
            }

            if (count < BurstBytes)
            {
                return null;
            }
        }
    }
}
