using System.Buffers;

namespace Relay.Redis.Resp;

/// <summary>
/// Finds the end of the next reply without building anything.
/// </summary>
/// <remarks>
/// Reading happens in two steps. This scanner hops from element to element, counts what is still missing on each level and remembers where
/// it stopped, so a reply that arrives in a thousand pieces is scanned once, not a thousand times. Only when a reply is complete is it parsed
/// (<see cref="RespCursor"/>). Two things follow: no memory is ever taken for an announced length, only for bytes that have arrived,
/// and since every element takes at least three bytes, an array of n elements is built only from a reply of at least 3n bytes.
/// A parser that builds while it reads would need a resumable stack of half-built arrays to give the same.
/// Owned by one connection's read loop; no concurrency.
/// </remarks>
internal sealed class RespScanner(RespLimits limits)
{
    // Shortest possible element: type byte, CR, LF ("_\r\n").
    private const int ShortestElement = 3;

    // Type byte, 10 digits, CR, LF, and room to see that a line is too long for a header.
    private const int HeaderBytes = 16;

    private readonly long[] _missing = new long[limits.MaxDepth + 1];
    private int _depth;
    private long _offset;
    private bool _started;

    /// <summary>True when <paramref name="buffer"/> begins with a whole reply of <paramref name="length"/> bytes. On false, call again with the same bytes and more.</summary>
    /// <exception cref="RedisException">Kind Protocol; the scanner is of no use afterwards.</exception>
    public bool TryScan(in ReadOnlySequence<byte> buffer, out long length)
    {
        if (!_started)
            Start();

        ScanSpan(buffer.FirstSpan);
        if (_depth >= 0 && !buffer.IsSingleSegment)
            ScanSegments(buffer);

        if (_depth < 0 && _offset <= buffer.Length)
        {
            length = _offset;
            _started = false;
            return true;
        }

        length = 0;
        return false;
    }

    private void Start()
    {
        _started = true;
        _depth = 0;
        _offset = 0;
        _missing[0] = 1;
    }

    private void ScanSpan(ReadOnlySpan<byte> span)
    {
        while (_depth >= 0 && _offset < span.Length)
        {
            var rest = span[(int)_offset..];
            var isLine = IsLine(rest[0]);
            var end = (rest.Length > HeaderBytes && !isLine ? rest[..HeaderBytes] : rest).IndexOf((byte)'\n');
            if (end < 0)
            {
                RefuseEndless(rest, rest.Length, isLine);
                return;
            }

            Element(rest[..(end + 1)], isLine);
        }
    }

    private void ScanSegments(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        while (_depth >= 0 && _offset < buffer.Length)
        {
            var rest = buffer.Slice(_offset);
            var isLine = IsLine(RespReader.FirstByte(rest));
            if (!isLine)
            {
                var take = (int)Math.Min(rest.Length, HeaderBytes);
                rest.Slice(0, take).CopyTo(header);
                var end = header[..take].IndexOf((byte)'\n');
                if (end < 0)
                {
                    RefuseEndless(header[..take], take, isLine);
                    return;
                }

                Element(header[..(end + 1)], isLine);
            }
            else if (!ScanLongLine(rest))
            {
                return;
            }
        }
    }

    private bool ScanLongLine(in ReadOnlySequence<byte> rest)
    {
        var position = rest.PositionOf((byte)'\n');
        if (position is not { } lineFeed)
        {
            RefuseEndless(rest.FirstSpan, rest.Length, isLine: true);
            return false;
        }

        var line = rest.Slice(0, rest.GetPosition(1, lineFeed));
        if (line.Length > limits.MaxLineBytes)
            throw TooLong(rest.FirstSpan);
        Span<byte> ending = stackalloc byte[2];
        if (line.Length < ShortestElement)
            throw NoCarriageReturn(rest.FirstSpan);
        line.Slice(line.Length - 2).CopyTo(ending);
        if (ending[0] != '\r')
            throw NoCarriageReturn(rest.FirstSpan);
        Take(line.Length);
        return true;
    }

    /// <summary>One element's first line, type byte to LF.</summary>
    private void Element(ReadOnlySpan<byte> line, bool isLine)
    {
        if (line.Length < ShortestElement || line[^2] != '\r')
            throw NoCarriageReturn(line);
        if (isLine)
        {
            if (line.Length > limits.MaxLineBytes)
                throw TooLong(line);
            Take(line.Length);
            return;
        }

        var type = line[0];
        var count = RespNumbers.ParseLength(line[1..^2], nullable: type is (byte)'$' or (byte)'*');
        if (type is (byte)'$' or (byte)'!' or (byte)'=')
            Take(line.Length + (count < 0 ? 0 : count + 2));
        else
            Open(type, line.Length, count);
    }

    private void Open(byte type, int headerBytes, long count)
    {
        var children = type is (byte)'%' or (byte)'|' ? count * 2 : count;
        Advance(headerBytes);
        // An attribute is no element of its own: the value it describes follows and is still counted as missing.
        if (type != (byte)'|')
            _missing[_depth]--;
        if (children <= 0)
        {
            Close();
            return;
        }

        if (children * ShortestElement > limits.MaxFrameBytes - _offset)
            throw RedisException.Protocol($"a reply of {children} elements is larger than the limit of {limits.MaxFrameBytes} bytes");
        if (_depth == limits.MaxDepth)
            throw RedisException.Protocol($"a reply is nested deeper than {limits.MaxDepth} levels");
        _missing[++_depth] = children;
    }

    private void Take(long bytes)
    {
        Advance(bytes);
        _missing[_depth]--;
        Close();
    }

    private void Close()
    {
        while (_depth >= 0 && _missing[_depth] == 0)
            _depth--;
    }

    private void Advance(long bytes)
    {
        _offset += bytes;
        if (_offset > limits.MaxFrameBytes)
            throw RedisException.Protocol($"a reply is larger than the limit of {limits.MaxFrameBytes} bytes");
    }

    private static bool IsLine(byte type) => type switch
    {
        (byte)'+' or (byte)'-' or (byte)':' or (byte)'_' or (byte)'#' or (byte)',' or (byte)'(' => true,
        (byte)'$' or (byte)'!' or (byte)'=' or (byte)'*' or (byte)'~' or (byte)'>' or (byte)'%' or (byte)'|' => false,
        _ => throw RedisException.Protocol($"'{RespText.Printable([type])}' (0x{type:x2}) does not begin a RESP value"),
    };

    private void RefuseEndless(ReadOnlySpan<byte> shown, long available, bool isLine)
    {
        if (available >= (isLine ? limits.MaxLineBytes : HeaderBytes))
            throw TooLong(shown);
    }

    private static RedisException TooLong(ReadOnlySpan<byte> line) => RedisException.Protocol($"line too long: '{RespText.Printable(line)}'");

    private static RedisException NoCarriageReturn(ReadOnlySpan<byte> line) =>
        RedisException.Protocol($"line does not end with CR LF: '{RespText.Printable(line)}'");
}
