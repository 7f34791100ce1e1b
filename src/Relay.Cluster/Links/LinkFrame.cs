using System.Buffers.Binary;
using System.Text;

namespace Relay.Cluster.Links;

internal enum LinkFrameKind : byte
{
    /// <summary>Part of the handshake: no messages, no acknowledgement.</summary>
    Hello = 1,

    /// <summary>Any number of messages, also none, and an acknowledgement.</summary>
    Data = 2,
}

/// <summary>Why a frame, or all messages of one, had no effect.</summary>
internal enum LinkDrop
{
    None = 0,
    Version,
    Malformed,

    /// <summary>From none of the peers.</summary>
    Stranger,

    /// <summary>Of a pair of numbers that is not the session's.</summary>
    OtherSession,

    /// <summary>Messages before these are missing.</summary>
    Gap,

    /// <summary>All of it was here before.</summary>
    Repeated,

    /// <summary>Too much waits for a handler that has not returned.</summary>
    Busy,
}

/// <summary>What stands in front of a frame's messages.</summary>
/// <param name="Asks">Of a hello: the sender has no session and wants an answer. Of data: send everything behind <paramref name="Ack"/> again.</param>
/// <param name="From">The sender's number of the session; above 0.</param>
/// <param name="To">The receiver's, as the sender knows it; 0 when it does not.</param>
/// <param name="Ack">The sender has all messages up to this one; 0 for none.</param>
/// <param name="First">The number of the first message; 0 when there are none.</param>
/// <param name="Count">How many messages there are. Not in the frame: counted when it is read.</param>
internal readonly record struct LinkHeader(LinkFrameKind Kind, bool Asks, long From, long To, long Ack = 0, long First = 0, int Count = 0);

/// <summary>
/// The bytes of a frame, integers little-endian: version, kind, flags, length of the key (one byte each), <c>From</c>, <c>To</c>, <c>Ack</c>, <c>First</c> (eight bytes each),
/// the key of the sender, then the messages: four bytes for the length, the message. A key is the incarnation (eight bytes) and the name (UTF-8).
/// </summary>
internal static class LinkFrame
{
    public const byte Version = 1;

    /// <summary>In front of each message.</summary>
    public const int Prefix = 4;

    // A node reads its own version and the one before, so that a cluster can be renewed node by node.
    private const byte OldestVersion = 1;
    private const byte AskFlag = 1;
    private const int Fixed = 36;
    private const int Incarnation = 8;

    public static byte[] Key(NodeId node)
    {
        var key = new byte[Incarnation + Encoding.UTF8.GetByteCount(node.Name)];
        BinaryPrimitives.WriteUInt64LittleEndian(key, node.Incarnation);
        Encoding.UTF8.GetBytes(node.Name, key.AsSpan(Incarnation));
        return key;
    }

    public static int HeaderLength(ReadOnlySpan<byte> key) => Fixed + key.Length;

    /// <summary>Fills the first <see cref="HeaderLength"/> bytes of the target.</summary>
    public static void WriteHeader(Span<byte> target, in LinkHeader header, ReadOnlySpan<byte> key)
    {
        target[0] = Version;
        target[1] = (byte)header.Kind;
        target[2] = header.Asks ? AskFlag : (byte)0;
        target[3] = (byte)key.Length;
        BinaryPrimitives.WriteInt64LittleEndian(target[4..], header.From);
        BinaryPrimitives.WriteInt64LittleEndian(target[12..], header.To);
        BinaryPrimitives.WriteInt64LittleEndian(target[20..], header.Ack);
        BinaryPrimitives.WriteInt64LittleEndian(target[28..], header.First);
        key.CopyTo(target[Fixed..]);
    }

    /// <summary>Checks the whole frame, the lengths of all messages included.</summary>
    /// <returns>What is wrong with it: <see cref="LinkDrop.Version"/>, <see cref="LinkDrop.Malformed"/>, or nothing.</returns>
    public static LinkDrop Read(ReadOnlySpan<byte> frame, out LinkHeader header, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> messages)
    {
        header = default;
        key = messages = default;
        if (frame.Length > 0 && frame[0] is < OldestVersion or > Version)
        {
            return LinkDrop.Version;
        }

        if (frame.Length < Fixed || frame[2] is not (0 or AskFlag) || frame[3] <= Incarnation || frame.Length < Fixed + frame[3])
        {
            return LinkDrop.Malformed;
        }

        key = frame.Slice(Fixed, frame[3]);
        messages = frame[(Fixed + key.Length)..];
        header = new LinkHeader(
            (LinkFrameKind)frame[1],
            frame[2] == AskFlag,
            BinaryPrimitives.ReadInt64LittleEndian(frame[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(frame[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(frame[20..]),
            BinaryPrimitives.ReadInt64LittleEndian(frame[28..]),
            Count(messages));
        return IsSound(header) ? LinkDrop.None : LinkDrop.Malformed;
    }

    /// <summary>Takes the next message off the front.</summary>
    public static ReadOnlySpan<byte> Next(ref ReadOnlySpan<byte> messages)
    {
        var end = Prefix + BinaryPrimitives.ReadInt32LittleEndian(messages);
        var message = messages[Prefix..end];
        messages = messages[end..];
        return message;
    }

    private static bool IsSound(in LinkHeader header)
    {
        if (header.From <= 0 || header.To < 0 || header.Ack < 0 || header.Count < 0)
        {
            return false;
        }

        var isNumbered = header.Count == 0 ? header.First == 0 : header.First > 0 && header.First <= long.MaxValue - header.Count;
        return isNumbered && header.Kind switch
        {
            LinkFrameKind.Hello => header is { Ack: 0, Count: 0 },
            LinkFrameKind.Data => header.To > 0,
            _ => false,
        };
    }

    // -1 when the lengths do not fit.
    private static int Count(ReadOnlySpan<byte> messages)
    {
        var count = 0;
        while (messages.Length >= Prefix)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(messages);
            if (length < 0 || length > messages.Length - Prefix)
            {
                return -1;
            }

            messages = messages[(Prefix + length)..];
            count++;
        }

        return messages.IsEmpty ? count : -1;
    }
}
