namespace Relay.Redis.Resp;

/// <summary>Walks over the bytes of one reply that <see cref="RespScanner"/> has found complete, and builds its value.</summary>
internal ref struct RespCursor(ReadOnlySpan<byte> frame, int maxDepth)
{
    // Simple strings that come back all the time; their bytes are shared and never written to.
    private static readonly byte[] Ok = "OK"u8.ToArray();
    private static readonly byte[] Pong = "PONG"u8.ToArray();
    private static readonly byte[] Empty = [];

    private readonly ReadOnlySpan<byte> _frame = frame;
    private int _position;

    public RedisValue ReadValue() => ReadValue(0);

    /// <summary>Header of a push: number of its elements.</summary>
    public int ReadPushHeader()
    {
        var line = ReadLine(out var type);
        return type == (byte)'>' ? (int)RespNumbers.ParseLength(line, nullable: false) : throw Unexpected(type);
    }

    /// <summary>A string without copying it; null is not allowed.</summary>
    public ReadOnlySpan<byte> ReadStringSpan()
    {
        var line = ReadLine(out var type);
        if (type == (byte)'+')
            return line;
        if (type != (byte)'$')
            throw Unexpected(type);
        return ReadBody(RespNumbers.ParseLength(line, nullable: false));
    }

    private RedisValue ReadValue(int depth)
    {
        while (true)
        {
            var line = ReadLine(out var type);
            if (type != (byte)'|')
                return ReadValue(type, line, depth);
            var hints = RespNumbers.ParseLength(line, nullable: false) * 2;
            RefuseTooDeep(depth + 1);
            for (var i = 0L; i < hints; i++)
                ReadValue(depth + 1);
        }
    }

    private RedisValue ReadValue(byte type, ReadOnlySpan<byte> line, int depth) => type switch
    {
        (byte)'+' => RedisValue.OfBytes(RespKind.SimpleString, Shared(line)),
        (byte)'-' => RedisValue.OfBytes(RespKind.Error, line.ToArray()),
        (byte)':' => RedisValue.OfInteger(RespNumbers.ParseInteger(line)),
        (byte)'$' => ReadBulk(RespKind.BulkString, line),
        (byte)'!' => ReadBulk(RespKind.BulkError, line),
        (byte)'=' => ReadVerbatim(line),
        (byte)'_' => line.IsEmpty ? default : throw Malformed("null", line),
        (byte)'#' => ReadBoolean(line),
        (byte)',' => RespNumbers.TryParseDouble(line, out var number) ? RedisValue.OfDouble(number) : throw Malformed("double", line),
        (byte)'(' => RespNumbers.IsBigNumber(line) ? RedisValue.OfBytes(RespKind.BigNumber, line.ToArray()) : throw Malformed("big number", line),
        (byte)'*' => ReadItems(RespKind.Array, RespNumbers.ParseLength(line, nullable: true), depth),
        (byte)'%' => ReadItems(RespKind.Map, RespNumbers.ParseLength(line, nullable: false) * 2, depth),
        (byte)'~' => ReadItems(RespKind.Set, RespNumbers.ParseLength(line, nullable: false), depth),
        (byte)'>' when depth == 0 => ReadItems(RespKind.Push, RespNumbers.ParseLength(line, nullable: false), depth),
        _ => throw Unexpected(type),
    };

    private RedisValue ReadItems(RespKind kind, long count, int depth)
    {
        if (count < 0)
            return default;
        RefuseTooDeep(depth + 1);
        // The scanner has seen this many elements; the check keeps a misuse of the cursor from allocating.
        if (count > _frame.Length - _position)
            throw Truncated();
        var items = count == 0 ? [] : new RedisValue[count];
        for (var i = 0; i < items.Length; i++)
            items[i] = ReadValue(depth + 1);
        return RedisValue.OfItems(kind, items);
    }

    private RedisValue ReadBulk(RespKind kind, ReadOnlySpan<byte> line)
    {
        var length = RespNumbers.ParseLength(line, nullable: kind == RespKind.BulkString);
        if (length < 0)
            return default;
        var body = ReadBody(length);
        return RedisValue.OfBytes(kind, body.IsEmpty ? Empty : body.ToArray());
    }

    private RedisValue ReadVerbatim(ReadOnlySpan<byte> line)
    {
        // Three letters of a format, a colon, the text.
        var body = ReadBody(RespNumbers.ParseLength(line, nullable: false));
        return body.Length >= 4 && body[3] == (byte)':'
            ? RedisValue.OfBytes(RespKind.Verbatim, body.ToArray())
            : throw Malformed("verbatim string", body);
    }

    private static RedisValue ReadBoolean(ReadOnlySpan<byte> line) => line switch
    {
        [(byte)'t'] => RedisValue.OfBoolean(true),
        [(byte)'f'] => RedisValue.OfBoolean(false),
        _ => throw Malformed("boolean", line),
    };

    private ReadOnlySpan<byte> ReadBody(long length)
    {
        if (length + 2 > _frame.Length - _position)
            throw Truncated();
        var body = _frame.Slice(_position, (int)length);
        _position += (int)length;
        if (_frame[_position] != '\r' || _frame[_position + 1] != '\n')
            throw RedisException.Protocol($"a string of {length} bytes is not followed by CR LF");
        _position += 2;
        return body;
    }

    private ReadOnlySpan<byte> ReadLine(out byte type)
    {
        var rest = _frame[_position..];
        var end = rest.IndexOf((byte)'\n');
        if (end < 2 || rest[end - 1] != '\r')
            throw Truncated();
        type = rest[0];
        _position += end + 1;
        return rest[1..(end - 1)];
    }

    private readonly void RefuseTooDeep(int depth)
    {
        if (depth > maxDepth)
            throw RedisException.Protocol($"a reply is nested deeper than {maxDepth} levels");
    }

    private static byte[] Shared(ReadOnlySpan<byte> line)
    {
        if (line.SequenceEqual(Ok))
            return Ok;
        return line.SequenceEqual(Pong) ? Pong : line.ToArray();
    }

    private static RedisException Unexpected(byte type) => RedisException.Protocol($"unexpected RESP type '{RespText.Printable([type])}' (0x{type:x2})");

    private static RedisException Malformed(string what, ReadOnlySpan<byte> bytes) =>
        RedisException.Protocol($"'{RespText.Printable(bytes)}' is not a {what}");

    private static RedisException Truncated() => RedisException.Protocol("a reply ends in the middle of an element");
}
