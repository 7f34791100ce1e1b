using System.Buffers.Text;

namespace Relay.Redis.Resp;

/// <summary>
/// Writes commands: an array of bulk strings, the only form a client sends (RESP3.md, "Client-server protocol").
/// Lengths stand before contents, so a command is measured first and then written into exactly that much room, without bounds to re-check.
/// </summary>
public static class RespWriter
{
    /// <summary>Bytes that <see cref="Write"/> will produce.</summary>
    /// <exception cref="ArgumentException">No arguments at all, or a text with a lone surrogate.</exception>
    /// <exception cref="OverflowException">More than 2 GB.</exception>
    public static int Measure(ReadOnlySpan<RedisArg> command)
    {
        if (command.IsEmpty)
            throw new ArgumentException("A command has at least its name.", nameof(command));
        var total = HeaderLength(command.Length);
        foreach (ref readonly var argument in command)
        {
            var length = argument.EncodedLength;
            total = checked(total + HeaderLength(length) + length + 2);
        }

        return total;
    }

    /// <summary>Writes the command; <paramref name="destination"/> must hold at least <see cref="Measure"/> bytes.</summary>
    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> destination, ReadOnlySpan<RedisArg> command)
    {
        var position = WriteHeader(destination, (byte)'*', command.Length);
        foreach (ref readonly var argument in command)
        {
            position += WriteHeader(destination[position..], (byte)'$', argument.EncodedLength);
            position += argument.Encode(destination[position..]);
            position += WriteLineEnd(destination[position..]);
        }

        return position;
    }

    private static int HeaderLength(int count) => 1 + RedisArg.Digits(count) + 2;

    private static int WriteHeader(Span<byte> destination, byte type, int count)
    {
        destination[0] = type;
        Utf8Formatter.TryFormat(count, destination[1..], out var digits);
        return 1 + digits + WriteLineEnd(destination[(1 + digits)..]);
    }

    private static int WriteLineEnd(Span<byte> destination)
    {
        destination[0] = (byte)'\r';
        destination[1] = (byte)'\n';
        return 2;
    }
}
