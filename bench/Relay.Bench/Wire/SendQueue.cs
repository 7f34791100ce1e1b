using System.Net.Sockets;
using Relay.Protocol.WebSockets;

namespace Relay.Bench.Wire;

/// <summary>
/// The bytes on their way to the server: collected, then given to the socket with one non-blocking call; what it does not take is sent by a pump while
/// new bytes collect in a second buffer. Thread-safe.
/// </summary>
internal sealed class SendQueue(Socket socket) : IDisposable
{
    private readonly Lock _gate = new();
    private FrameBuffer _collecting = new(1024);
    private FrameBuffer? _sending;
    private bool _pumping;
    private bool _disposed;

    /// <summary>True while the socket is full: whoever publishes waits.</summary>
    public bool IsFull => Volatile.Read(ref _pumping);

    /// <summary>Appends bytes as they are.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                bytes.CopyTo(_collecting.GetSpan(bytes.Length));
                _collecting.Advance(bytes.Length);
            }
        }
    }

    /// <summary>Appends a masked frame, as clients must send them.</summary>
    public void WriteFrame(Opcode opcode, ReadOnlySpan<byte> payload, uint key)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                FrameWriter.WriteMasked(_collecting, opcode, payload, key);
            }
        }
    }

    /// <summary>Hands over what was collected, unless the pump runs and takes it along. A broken socket shows at the reading side.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (_pumping || _disposed || _collecting.Length == 0)
            {
                return;
            }

            var sent = TrySend(_collecting.WrittenSpan);
            if (sent == _collecting.Length)
            {
                _collecting.Reset();
                return;
            }

            _pumping = true;
            _ = PumpAsync(sent);
        }
    }

    /// <summary>Returns the buffers; later calls do nothing.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            if (!_pumping)
            {
                _collecting.Dispose();
                _sending?.Dispose();
            }
        }
    }

    // A broken socket counts as sent: the reader of the connection reports it.
    private int TrySend(ReadOnlySpan<byte> bytes)
    {
        var sent = 0;
        while (sent < bytes.Length)
        {
            var count = socket.Send(bytes[sent..], SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                return sent;
            }

            if (error != SocketError.Success)
            {
                return bytes.Length;
            }

            sent += count;
        }

        return sent;
    }

    private async Task PumpAsync(int from)
    {
        while (Swap() is { } buffer)
        {
            try
            {
                for (; from < buffer.Length; from += await socket.SendAsync(buffer.WrittenMemory[from..], SocketFlags.None))
                {
                    // SendAsync may send a part only.
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The reader of the connection reports it; nothing is sent any more.
                Volatile.Write(ref _disposed, true);
            }

            from = 0;
        }
    }

    /// <summary>What was collected meanwhile becomes what is sent; null when there is nothing, and the pump ends.</summary>
    private FrameBuffer? Swap()
    {
        lock (_gate)
        {
            _sending ??= new FrameBuffer(1024);
            _sending.Reset();
            if (_disposed || _collecting.Length == 0)
            {
                _pumping = false;
                if (_disposed)
                {
                    _sending.Dispose();
                    _collecting.Dispose();
                }

                return null;
            }

            (_collecting, _sending) = (_sending, _collecting);
            return _sending;
        }
    }
}
