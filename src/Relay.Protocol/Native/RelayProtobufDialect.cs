using System.Buffers;
using Google.Protobuf;
using Wire = Relay.Protocol.Native;

namespace Relay.Protocol;

/// <summary>
/// <c>relay.v1.protobuf</c>, native in protobuf (protocols.md, relay.proto): binary messages both ways. Requests and rare answers go through the
/// generated classes; events, the hot path, through <see cref="ProtobufEvents"/>.
/// </summary>
public sealed class RelayProtobufDialect : IDialect
{
    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public RelayProtobufDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md.</summary>
    public static DialectProfile DefaultProfile { get; } = new()
    {
        Kind = DialectKind.RelayProtobuf,
        Name = "relay-protobuf",
        Subprotocol = "relay.v1.protobuf",
        IsBinary = true,
    };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary)
    {
        if (!binary)
        {
            return ContextDialect.ParseError();
        }

        Wire.ClientMessage request;
        try
        {
            request = Wire.ClientMessage.Parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException)
        {
            // The library reports malformed input in no other way.
            return ContextDialect.ParseError();
        }

        return ProtobufReader.Read(request);
    }

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output) => ProtobufEvents.Write(publication, output);

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output)
    {
        var frame = ProtobufFrames.Of(message);
        frame?.WriteTo(output);
        return frame is not null;
    }
}
