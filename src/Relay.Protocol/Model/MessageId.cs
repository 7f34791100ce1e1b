using System.Buffers.Text;

namespace Relay.Protocol;

/// <summary>The derived ids of events: <c>msg_</c> + epoch + offset, and the 16 hex digits that <c>webui</c> shows.</summary>
public static class MessageId
{
    /// <summary>Longest text form in bytes: prefix 4, epoch 8, <c>t</c>, 19 digits.</summary>
    public const int MaxLength = 4 + Epoch.TextLength + 1 + 19;

    /// <summary>Writes the id of <paramref name="publication"/> as ASCII and returns its length (at most <see cref="MaxLength"/>).</summary>
    public static int Write(Publication publication, Span<byte> destination)
    {
        "msg_"u8.CopyTo(destination);
        publication.Position.Epoch.Format(destination[4..]);
        var at = 4 + Epoch.TextLength;
        var number = publication.Position.Offset;
        if (publication.IsTransient)
        {
            destination[at++] = (byte)'t';
            number = publication.TransientNumber;
        }

        Utf8Formatter.TryFormat(number, destination[at..], out var written);
        return at + written;
    }

    /// <summary>The id as a string.</summary>
    public static string Format(Publication publication)
    {
        Span<byte> text = stackalloc byte[MaxLength];
        return System.Text.Encoding.ASCII.GetString(text[..Write(publication, text)]);
    }

    /// <summary>Reads the position out of an id; false for ids of transient events and for foreign text.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out StreamPosition position)
    {
        position = default;
        if (text.Length <= 4 + Epoch.TextLength || !text.StartsWith("msg_"u8) || !Epoch.TryParse(text.Slice(4, Epoch.TextLength), out var epoch))
        {
            return false;
        }

        var digits = text[(4 + Epoch.TextLength)..];
        if (digits[0] is < (byte)'1' or > (byte)'9' || !Utf8Parser.TryParse(digits, out long offset, out var used) || used != digits.Length)
        {
            return false;
        }

        position = new StreamPosition(epoch, offset);
        return true;
    }

    /// <summary>
    /// The 64 bits behind a webui <c>message_id</c>. SplitMix64's finaliser is a bijection, so two events of one channel life never share an id.
    /// </summary>
    public static ulong Hash(Publication publication)
    {
        var z = (publication.Position.Epoch.Value << 24) + (ulong)publication.Position.Offset + ((ulong)publication.TransientNumber << 62);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
