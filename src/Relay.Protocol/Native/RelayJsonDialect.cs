using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>relay.v1</c>, native in JSON (protocols.md): every <c>context</c> message is valid, and positions, resume, filters, presence, history and
/// conflation besides. Frames follow <c>context</c> and add their members behind it.
/// </summary>
public sealed class RelayJsonDialect : IDialect
{
    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public RelayJsonDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md.</summary>
    public static DialectProfile DefaultProfile { get; } = new() { Kind = DialectKind.Relay, Name = "relay", Subprotocol = "relay.v1" };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary)
    {
        switch (ContextFields.Read(message, binary, out var fields))
        {
            case JsonShape.Invalid or JsonShape.Null:
                return ContextDialect.ParseError();
            case JsonShape.Other:
                return ContextDialect.UnknownType(default);
        }

        return fields.TryGetRequestId(out var id) ? RelayJsonReader.Read(id, fields) : ContextDialect.ParseError();
    }

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        WriteEvent(ref json, publication);
        json.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output)
    {
        switch (message)
        {
            case AckMessage { RequestId.IsPresent: false }:
                return false;
            case ErrorMessage error:
                ContextFrames.Error(error, ErrorCodeName.Of(error.Code), output);
                return true;
            case PingMessage:
                ContextFrames.Bare("{\"type\":\"ping\",\"timestamp\":"u8, message, output);
                return true;
            case AckMessage or ConnectedMessage or PongMessage or ReconnectMessage or TokenExpiringMessage or GapMessage or PresenceChangeMessage:
                var json = new JsonText(output);
                RelayJsonFrames.Write(ref json, message);
                json.Flush();
                return true;
            default:
                return false;
        }
    }

    /// <summary>Writes the event as this dialect shows it: the frame of <c>context</c>, then position and key.</summary>
    internal static void WriteEvent(ref JsonText json, Publication publication)
    {
        ContextFrames.OpenEvent(ref json, publication);
        if (!publication.IsTransient)
        {
            RelayJsonFrames.Position(ref json, publication.Position);
        }

        if (publication.Key is not null)
        {
            json.Raw(",\"key\":"u8);
            json.String(publication.Key);
        }

        json.Raw("}"u8);
    }
}
