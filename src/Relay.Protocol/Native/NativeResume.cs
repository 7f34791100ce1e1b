using System.Text;
using Wire = Relay.Protocol.Native;

namespace Relay.Protocol;

/// <summary><c>resume</c> in both native formats: its request and its answer.</summary>
internal static class NativeResume
{
    /// <summary>Longest token that is looked at; ours are shorter.</summary>
    private const int MaxTokenBytes = 256;

    public static ClientCommand Read(RequestId id, in ContextFields fields)
    {
        var positions = new Dictionary<string, StreamPosition>(StringComparer.Ordinal);
        if (!fields.Session.IsString || (!fields.Positions.IsMissing && fields.Positions.Kind != JsonKind.Object))
        {
            return NativeRequests.Reject(id, ErrorCode.ParseError, ContextDialect.ParseErrorText);
        }

        if (!fields.Positions.IsMissing)
        {
            var reader = JsonObjectReader.Inside(fields.Positions);
            while (reader.Read())
            {
                if (!RelayJsonReader.TrySince(reader.Value, out var position))
                {
                    return InvalidPosition(id);
                }

                if (!ChannelName.TryParse(reader.Name, out var channel))
                {
                    return NativeRequests.InvalidChannel(id, reader.Name);
                }

                if (position is { } known)
                {
                    positions[channel] = known;
                }
            }
        }

        return Command(id, fields.Session.Utf8, positions);
    }

    public static ClientCommand Read(RequestId id, Wire.Resume resume)
    {
        var positions = new Dictionary<string, StreamPosition>(StringComparer.Ordinal);
        foreach (var (name, value) in resume.Positions)
        {
            if (!NativeRequests.TryPosition(ProtobufReader.Name(value.Epoch), value.Offset, out var position))
            {
                return InvalidPosition(id);
            }

            if (!ChannelName.TryParse(ProtobufReader.Name(name), out var channel))
            {
                return NativeRequests.InvalidChannel(id, ProtobufReader.Name(name));
            }

            positions[channel] = position;
        }

        return Command(id, ProtobufReader.Name(resume.Session), positions);
    }

    /// <summary>Writes the members of the answer behind its position-less ack, without the closing brace.</summary>
    public static void Write(ref JsonText json, ResumedMessage resumed)
    {
        json.Raw(",\"session\":"u8);
        json.String(resumed.Session);
        json.Raw(",\"client_id\":"u8);
        json.String(resumed.ClientId);
        json.Raw(",\"channels\":["u8);
        for (var i = 0; i < resumed.Channels.Count; i++)
        {
            var one = resumed.Channels[i];
            json.Raw(i == 0 ? "{\"channel\":"u8 : ",{\"channel\":"u8);
            json.String(one.Channel);
            RelayJsonFrames.Position(ref json, one.Position);
            if (one.Recovered is { } recovered)
            {
                json.Raw(",\"recovered\":"u8);
                json.Boolean(recovered);
            }

            if (one.Error is { } code)
            {
                json.Raw(",\"code\":"u8);
                json.String(ErrorCodeName.Of(code));
            }

            json.Raw("}"u8);
        }

        json.Raw("]"u8);
    }

    public static void Write(Wire.Ack frame, ResumedMessage resumed)
    {
        frame.Session = resumed.Session;
        frame.ClientId = resumed.ClientId;
        foreach (var one in resumed.Channels)
        {
            var channel = new Wire.ResumedChannel { Channel = one.Channel, Position = ProtobufFrames.Position(one.Position) };
            if (one.Recovered is { } recovered)
            {
                channel.Recovered = recovered;
            }

            if (one.Error is { } code)
            {
                channel.Code = ErrorCodeName.Of(code);
            }

            frame.Channels.Add(channel);
        }
    }

    private static ClientCommand Command(RequestId id, ReadOnlySpan<byte> session, Dictionary<string, StreamPosition> positions)
    {
        if (!id.IsPresent)
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidMessage, "resume needs an id");
        }

        return session.Length is > 0 and <= MaxTokenBytes
            ? new ResumeCommand { RequestId = id, Session = Encoding.UTF8.GetString(session), Positions = positions }
            : NativeRequests.Reject(id, ErrorCode.InvalidMessage, "Invalid session: expected the token of a connected frame");
    }

    private static RejectedCommand InvalidPosition(RequestId id) =>
        NativeRequests.Reject(id, ErrorCode.InvalidMessage, "Invalid positions: expected an epoch and an offset as received for each channel");
}
