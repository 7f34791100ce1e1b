namespace Relay.Protocol;

/// <summary>Server frames of <c>webui</c>: <c>{"type","session_id"?,"message_id","timestamp","data"?}</c>.</summary>
internal static class WebUiFrames
{
    /// <summary>An event of any channel: the event's name is the type, and an id in <c>sessions/</c> the envelope's session.</summary>
    public static void Event(ref JsonText json, Publication publication)
    {
        OpenEvent(ref json, publication);
        if (!publication.Data.IsEmpty)
        {
            json.Raw(",\"data\":"u8);
            json.Raw(publication.Data.Span);
        }

        json.Raw("}"u8);
    }

    /// <summary>Any other message that the dialect has words for.</summary>
    public static void Write(ref JsonText json, ServerMessage message)
    {
        switch (message)
        {
            case SystemMessage system:
                System(ref json, system);
                break;
            case SessionStatusMessage status:
                Status(ref json, status);
                break;
            case SessionHistoryMessage history:
                History(ref json, history);
                break;
            case ErrorMessage error:
                Error(ref json, error);
                break;
            case PongMessage pong:
                Open(ref json, "pong", pong.SessionId, Bits(pong), pong.TimestampMicros);
                json.Raw("}"u8);
                break;
        }
    }

    private static void System(ref JsonText json, SystemMessage system)
    {
        Open(ref json, "system_message", default, system.MessageId, system.TimestampMicros);
        json.Raw(",\"data\":{\"level\":"u8);
        json.String(system.Level);
        json.Raw(",\"message\":"u8);
        json.String(system.Text);
        json.Raw("}}"u8);
    }

    private static void Status(ref JsonText json, SessionStatusMessage status)
    {
        Open(ref json, "session_status", status.SessionId, status.MessageId, status.TimestampMicros);
        json.Raw(",\"data\":{\"session_id\":"u8);
        json.String(status.SessionId);
        json.Raw(",\"status\":"u8);
        json.String(status.Status);
        json.Raw(",\"message_count\":"u8);
        json.Number(status.MessageCount);
        json.Raw(",\"created_at\":"u8);
        json.Instant(status.CreatedMicros);
        json.Raw(",\"last_activity\":"u8);
        json.Instant(status.LastActivityMicros);
        json.Raw("}}"u8);
    }

    private static void Error(ref JsonText json, ErrorMessage error)
    {
        Open(ref json, "error", error.SessionId, Bits(error), error.TimestampMicros);
        json.Raw(",\"data\":{\"code\":"u8);
        json.String(CodeOf(error.Code));
        json.Raw(",\"message\":"u8);
        json.String(error.Text);
        json.Raw(",\"details\":"u8);
        json.String(error.Details);
        json.Raw("}}"u8);
    }

    // The dialect's list of codes is closed; what has no entry of its own there is one of these.
    private static string CodeOf(ErrorCode code) => code switch
    {
        ErrorCode.ParseError => "INVALID_JSON",
        ErrorCode.NotAuthorized or ErrorCode.InvalidToken or ErrorCode.TokenRequired or ErrorCode.MissingCredentials => "UNAUTHORIZED",
        ErrorCode.InvalidChannel or ErrorCode.InvalidEvent or ErrorCode.InvalidData or ErrorCode.TooLarge or ErrorCode.VersionMismatch => "INVALID_MESSAGE",
        ErrorCode.Unavailable => "INTERNAL_ERROR",
        _ => ErrorCodeName.Of(code),
    };

    private static void History(ref JsonText json, SessionHistoryMessage history)
    {
        var publication = history.Publication;
        Open(ref json, publication.Event, history.SessionId, Protocol.MessageId.Hash(publication), publication.TimestampMicros);
        json.Raw(",\"data\":"u8);
        if (publication.Event is "error" or "agent_error")
        {
            json.Raw(publication.Data.IsEmpty ? "{}"u8 : publication.Data.Span);
        }
        else
        {
            Completed(ref json, publication.Data.Span);
        }

        json.Raw("}"u8);
    }

    /// <summary>The data with <c>"status":"complete"</c>, every other byte as it was; data that is no object stays as it is.</summary>
    private static void Completed(ref JsonText json, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            json.Raw("{\"status\":\"complete\"}"u8);
            return;
        }

        if (JsonObjectReader.Open(data, checkUtf8: false, out var reader) != JsonShape.Object)
        {
            json.Raw(data);
            return;
        }

        var empty = true;
        JsonValue status = default;
        while (reader.Read())
        {
            empty = false;
            if (reader.Name.SequenceEqual("status"u8))
            {
                status = reader.Value;
            }
        }

        if (status.Kind != JsonKind.Absent)
        {
            json.Raw(data[..status.Start]);
            json.Raw("\"complete\""u8);
            json.Raw(data[(status.Start + status.Raw.Length)..]);
            return;
        }

        var end = data.LastIndexOf((byte)'}');
        json.Raw(data[..end]);
        json.Raw(empty ? "\"status\":\"complete\""u8 : ",\"status\":\"complete\""u8);
        json.Raw(data[end..]);
    }

    private static void OpenEvent(ref JsonText json, Publication publication)
    {
        var sessionId = ChannelName.IsIn(publication.Channel, ChannelName.Sessions) ? ChannelName.Id(publication.Channel) : default;
        Open(ref json, publication.Event, sessionId, Protocol.MessageId.Hash(publication), publication.TimestampMicros);
    }

    private static void Open(ref JsonText json, string type, ReadOnlySpan<char> sessionId, ulong bits, long micros)
    {
        json.Raw("{\"type\":"u8);
        json.String(type);
        if (!sessionId.IsEmpty)
        {
            json.Raw(",\"session_id\":\""u8);
            json.Escape(sessionId);
            json.Raw("\""u8);
        }

        json.Raw(",\"message_id\":"u8);
        json.Hex(bits);
        json.Raw(",\"timestamp\":"u8);
        json.Instant(micros);
    }

    // SplitMix64's finaliser spreads neighbouring microseconds over all digits; ids need to differ, not to be secret.
    private static ulong Bits(ServerMessage message)
    {
        if (message.MessageBits != 0)
        {
            return message.MessageBits;
        }

        var z = (ulong)message.TimestampMicros;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
