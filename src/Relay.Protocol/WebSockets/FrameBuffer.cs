using System.Buffers;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// A growing, pooled buffer into which frames are encoded one after the other, each by a writer that does not know its length before:
/// <c>BeginFrame</c>, write the payload, <c>EndFrame</c>. Owned by one actor or loop at a time.
/// </summary>
public sealed class FrameBuffer : IBufferWriter<byte>, IDisposable
{
    // Most events with their envelope are 126 to 65,535 bytes; others are moved by the difference, at most 125 bytes back.
    private const int GuessedHeader = 4;

    private byte[] _array;
    private int _length;
    private int _frameStart = -1;
    private Opcode _opcode;

    /// <param name="capacity">Bytes to rent at first.</param>
    public FrameBuffer(int capacity = 4096)
    {
        _array = ArrayPool<byte>.Shared.Rent(capacity);
    }

    /// <summary>What was written so far. Valid until the next write.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _array.AsMemory(0, _length);

    public ReadOnlySpan<byte> WrittenSpan => _array.AsSpan(0, _length);

    /// <summary>Bytes written so far.</summary>
    public int Length => _length;

    /// <summary>Opens a frame; everything written until <see cref="EndFrame"/> is its payload.</summary>
    public void BeginFrame(Opcode opcode = Opcode.Text)
    {
        if (_frameStart >= 0)
        {
            throw new InvalidOperationException("The frame before was not ended.");
        }

        EnsureRoom(GuessedHeader);
        _frameStart = _length;
        _opcode = opcode;
        _length += GuessedHeader;
    }

    /// <summary>Puts the header before the payload written since <see cref="BeginFrame"/>.</summary>
    /// <param name="rsv1">Whether the payload is compressed.</param>
    /// <returns>Bytes of the whole frame.</returns>
    public int EndFrame(bool rsv1 = false)
    {
        if (_frameStart < 0)
        {
            throw new InvalidOperationException("No frame was begun.");
        }

        int payload = _length - _frameStart - GuessedHeader;
        int header = FrameWriter.HeaderSize(payload);
        if (header != GuessedHeader)
        {
            EnsureRoom(Math.Max(0, header - GuessedHeader));
            _array.AsSpan(_frameStart + GuessedHeader, payload).CopyTo(_array.AsSpan(_frameStart + header));
        }

        FrameWriter.WriteHeader(_array.AsSpan(_frameStart), _opcode, payload, rsv1);
        _length = _frameStart + header + payload;
        _frameStart = -1;
        return header + payload;
    }

    /// <summary>Drops the frame begun last with all its payload: for an encoder that finds it cannot finish.</summary>
    public void AbandonFrame()
    {
        if (_frameStart >= 0)
        {
            _length = _frameStart;
            _frameStart = -1;
        }
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _array.Length - _length);
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(Math.Max(1, sizeHint));
        return _array.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(Math.Max(1, sizeHint));
        return _array.AsSpan(_length);
    }

    /// <summary>Forgets what was written and keeps the array.</summary>
    public void Reset()
    {
        _length = 0;
        _frameStart = -1;
    }

    /// <summary>A copy of what was written, for batches that outlive the buffer.</summary>
    public byte[] ToArray() => WrittenSpan.ToArray();

    /// <summary>Returns the array to the pool; the buffer is empty and may be used again.</summary>
    public void Dispose()
    {
        byte[] array = _array;
        _array = [];
        Reset();
        if (array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    private void EnsureRoom(int count)
    {
        if (count <= _array.Length - _length)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + count, _array.Length * 2));
        WrittenSpan.CopyTo(larger);
        if (_array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }

        _array = larger;
    }
}
