using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// One client family's wire format. A dialect only decodes and encodes; everything else in which families differ (limits, greeting, liveness,
/// channels of a new connection) is data in its <see cref="Profile"/>. Stateless and thread-safe: one instance serves all connections.
/// <para>
/// Encoders append the <b>message payload</b> (one JSON object, one protobuf message, one block of an event stream), never WebSocket framing.
/// </para>
/// </summary>
public interface IDialect
{
    /// <summary>What the core must know of the family.</summary>
    DialectProfile Profile { get; }

    /// <summary>
    /// Reads one client message. Never throws on input; a mistake is a <see cref="RejectedCommand"/>. Returns null when the message asks for nothing
    /// and gets no answer.
    /// </summary>
    /// <param name="message">The unmasked payload of one WebSocket message; valid UTF-8 when <paramref name="binary"/> is false. Not kept.</param>
    /// <param name="binary">True for a binary message.</param>
    ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary);

    /// <summary>Appends the event as this family sees it. The hot path: allocates nothing.</summary>
    void EncodeEvent(Publication publication, IBufferWriter<byte> output);

    /// <summary>Appends any other message; false (and nothing appended) when the family has no words for it.</summary>
    bool TryEncode(ServerMessage message, IBufferWriter<byte> output);
}
