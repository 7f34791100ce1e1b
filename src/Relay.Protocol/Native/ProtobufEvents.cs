using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Relay.Protocol;

/// <summary>
/// Writes a live event as <c>ServerMessage.event</c> of relay.proto without allocating: the generated class would cost an object, a string for the id
/// and a wrapper for the payload per event. Fields stand in order of their numbers and defaults are left out, so the bytes are those
/// the generated code writes; a test compares them.
/// </summary>
internal static class ProtobufEvents
{
    // Tag = field number << 3 | wire type; wire type 0 = varint, 2 = length-delimited.
    private const byte ServerMessageEvent = (1 << 3) | 2;
    private const byte Id = (1 << 3) | 2;
    private const byte Channel = (2 << 3) | 2;
    private const byte Event = (3 << 3) | 2;
    private const byte Data = (4 << 3) | 2;
    private const byte Timestamp = 5 << 3;
    private const byte Position = (6 << 3) | 2;
    private const byte Key = (7 << 3) | 2;
    private const byte PositionEpoch = (1 << 3) | 2;
    private const byte PositionOffset = 2 << 3;

    /// <summary>Appends the message.</summary>
    public static void Write(Publication publication, IBufferWriter<byte> output)
    {
        Span<byte> id = stackalloc byte[MessageId.MaxLength];
        id = id[..MessageId.Write(publication, id)];
        var lengths = Lengths.Of(publication, id.Length);
        var size = 1 + VarintSize((ulong)lengths.Message) + lengths.Message;
        var span = output.GetSpan(size);
        var at = WriteHeader(span, 0, ServerMessageEvent, lengths.Message);
        at = WriteBytes(span, at, Id, id);
        at = WriteText(span, at, Channel, publication.Channel, lengths.Channel);
        at = WriteText(span, at, Event, publication.Event, lengths.Event);
        at = WriteBytes(span, at, Data, publication.Data.Span);
        at = WriteNumber(span, at, Timestamp, publication.TimestampMicros / 1000);
        if (lengths.Position > 0)
        {
            at = WriteHeader(span, at, Position, lengths.Position);
            at = WriteHeader(span, at, PositionEpoch, Epoch.TextLength);
            publication.Position.Epoch.Format(span[at..]);
            at = WriteNumber(span, at + Epoch.TextLength, PositionOffset, publication.Position.Offset);
        }

        at = WriteText(span, at, Key, publication.Key ?? "", lengths.Key);
        output.Advance(at);
    }

    private static int WriteHeader(Span<byte> span, int at, byte tag, int length)
    {
        span[at++] = tag;
        return WriteVarint(span, at, (ulong)length);
    }

    private static int WriteBytes(Span<byte> span, int at, byte tag, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return at;
        }

        at = WriteHeader(span, at, tag, bytes.Length);
        bytes.CopyTo(span[at..]);
        return at + bytes.Length;
    }

    private static int WriteText(Span<byte> span, int at, byte tag, string text, int length)
    {
        if (length == 0)
        {
            return at;
        }

        at = WriteHeader(span, at, tag, length);
        _ = Utf8.FromUtf16(text, span[at..], out _, out var written);
        return at + written;
    }

    private static int WriteNumber(Span<byte> span, int at, byte tag, long value)
    {
        if (value == 0)
        {
            return at;
        }

        span[at++] = tag;
        return WriteVarint(span, at, (ulong)value);
    }

    private static int WriteVarint(Span<byte> span, int at, ulong value)
    {
        while (value >= 0x80)
        {
            span[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[at++] = (byte)value;
        return at;
    }

    private static int VarintSize(ulong value) => (64 - System.Numerics.BitOperations.LeadingZeroCount(value | 1) + 6) / 7;

    private readonly record struct Lengths(int Channel, int Event, int Key, int Position, int Message)
    {
        public static Lengths Of(Publication publication, int idLength)
        {
            var channel = Encoding.UTF8.GetByteCount(publication.Channel);
            var name = Encoding.UTF8.GetByteCount(publication.Event);
            var key = publication.Key is null ? 0 : Encoding.UTF8.GetByteCount(publication.Key);
            var hasPosition = !publication.IsTransient && !publication.Position.Epoch.IsNone;
            var position = hasPosition ? Field(Epoch.TextLength) + Number(publication.Position.Offset) : 0;
            var message = Field(idLength) + Field(channel) + Field(name) + Field(publication.Data.Length)
                + Number(publication.TimestampMicros / 1000) + Field(position) + Field(key);
            return new Lengths(channel, name, key, position, message);
        }

        private static int Field(int length) => length == 0 ? 0 : 1 + VarintSize((ulong)length) + length;

        private static int Number(long value) => value == 0 ? 0 : 1 + VarintSize((ulong)value);
    }
}
