using System.Text;

namespace Relay.Actors.Sessions;

/// <summary>What an event is to its session.</summary>
internal enum ChatNoteKind : byte
{
    /// <summary>No more than an event.</summary>
    None = 0,

    /// <summary>A message that was to be handed to the agent.</summary>
    Asks = 1,

    /// <summary>The end of a request that got no answer.</summary>
    Ends = 2,
}

/// <summary>
/// What a durable session stores beside an event, in the event's own record, so that both are stored or neither is. Pure code. As bytes:
/// <code>
/// kind     1 byte
/// request  1 byte length, then ASCII
/// user     the rest, UTF-8; none = unknown
/// </code>
/// </summary>
/// <param name="Kind">What the event is to the session.</param>
/// <param name="RequestId">The request it begins or ends.</param>
/// <param name="UserId">Who asks; null when unknown.</param>
internal readonly record struct ChatNote(ChatNoteKind Kind, string RequestId, string? UserId = null)
{
    private const int HeadBytes = 2;

    public byte[] ToBytes() => Kind == ChatNoteKind.None
        ? []
        : [(byte)Kind, (byte)RequestId.Length, .. Encoding.ASCII.GetBytes(RequestId), .. Encoding.UTF8.GetBytes(UserId ?? "")];

    /// <summary>What <see cref="ToBytes"/> wrote; bytes of no known kind are no note.</summary>
    public static ChatNote Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadBytes || bytes.Length < HeadBytes + bytes[1] || (ChatNoteKind)bytes[0] is not (ChatNoteKind.Asks or ChatNoteKind.Ends))
        {
            return default;
        }

        var user = bytes[(HeadBytes + bytes[1])..];
        return new ChatNote((ChatNoteKind)bytes[0], Encoding.ASCII.GetString(bytes.Slice(HeadBytes, bytes[1])), user.IsEmpty ? null : Encoding.UTF8.GetString(user));
    }
}
