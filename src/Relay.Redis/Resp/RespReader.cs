using System.Buffers;

namespace Relay.Redis.Resp;

/// <summary>Reads RESP2 and RESP3 replies from a stream of bytes, whatever the pieces it arrives in. Owned by one read loop; no concurrency.</summary>
public sealed class RespReader
{
    private readonly RespLimits _limits;
    private readonly RespScanner _scanner;

    public RespReader(RespLimits? limits = null)
    {
        _limits = limits ?? RespLimits.Default;
        _scanner = new RespScanner(_limits);
    }

    /// <summary>
    /// Takes one whole reply off the front of <paramref name="buffer"/>; false when it is not complete yet, the buffer is then unchanged
    /// and the next call must begin with the same bytes.
    /// </summary>
    /// <exception cref="RedisException">Kind Protocol: the bytes are not RESP or exceed the limits. The stream cannot be read any further.</exception>
    public bool TryRead(ref ReadOnlySequence<byte> buffer, out RedisValue value)
    {
        if (!TryReadFrame(ref buffer, out var frame))
        {
            value = default;
            return false;
        }

        value = Parse(frame);
        return true;
    }

    /// <summary>As <see cref="TryRead"/>, but gives the bytes of the reply instead of building its value.</summary>
    internal bool TryReadFrame(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> frame)
    {
        if (buffer.IsEmpty || !_scanner.TryScan(buffer, out var length))
        {
            frame = default;
            return false;
        }

        frame = buffer.Slice(0, length);
        buffer = buffer.Slice(length);
        return true;
    }

    internal RedisValue Parse(in ReadOnlySequence<byte> frame)
    {
        if (frame.IsSingleSegment)
            return new RespCursor(frame.FirstSpan, _limits.MaxDepth).ReadValue();
        if (FirstByte(frame) == (byte)'$')
            return ParseLargeString(frame);
        using var whole = ContiguousFrame.Of(frame);
        return new RespCursor(whole.Span, _limits.MaxDepth).ReadValue();
    }

    /// <summary>A sequence may begin with empty segments, or at the very end of one.</summary>
    internal static byte FirstByte(in ReadOnlySequence<byte> sequence)
    {
        foreach (var segment in sequence)
        {
            if (!segment.IsEmpty)
                return segment.Span[0];
        }

        throw new ArgumentException("The sequence is empty.", nameof(sequence));
    }

    internal RespCursor Cursor(ReadOnlySpan<byte> frame) => new(frame, _limits.MaxDepth);

    /// <summary>One string over many segments (a large value) is copied once, straight to its destination.</summary>
    private static RedisValue ParseLargeString(in ReadOnlySequence<byte> frame)
    {
        var lineEnd = frame.PositionOf((byte)'\n')!.Value;
        var body = frame.Slice(frame.GetPosition(1, lineEnd));
        if (body.IsEmpty)
            return default;
        Span<byte> ending = stackalloc byte[2];
        body.Slice(body.Length - 2).CopyTo(ending);
        if (!ending.SequenceEqual("\r\n"u8))
            throw RedisException.Protocol($"a string of {body.Length - 2} bytes is not followed by CR LF");
        return RedisValue.OfBytes(RespKind.BulkString, body.Slice(0, body.Length - 2).ToArray());
    }
}
