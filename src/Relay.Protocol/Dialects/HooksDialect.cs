using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>hooks</c>, the hook-event monitor (protocols.md). Senders' frames reach monitors byte for byte. What the original answered with silence
/// stays silent; the one error frame is for what is no JSON object.
/// </summary>
public sealed class HooksDialect : IDialect
{
    // More patterns or types than this in one command would make every event that passes cost as many comparisons; such a command filters nothing.
    private const int MaxNames = 256;

    // The original's answer to get_history without a limit.
    private const int DefaultLimit = 100;

    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public HooksDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md.</summary>
    public static DialectProfile DefaultProfile { get; } = new() { Kind = DialectKind.Hooks, Name = "hooks", Subprotocol = "relay.hooks" };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary)
    {
        if (JsonObjectReader.Open(message, checkUtf8: binary, out var reader) != JsonShape.Object)
        {
            return InvalidJson();
        }

        var fields = default(Fields);
        while (reader.Read())
        {
            fields.Take(reader.Name, reader.Value);
        }

        if (reader.Failed)
        {
            return InvalidJson();
        }

        if (!fields.Command.IsMissing)
        {
            return Command(fields);
        }

        var type = fields.Type.Utf8;
        if (type.IsEmpty)
        {
            return null;
        }

        return type.SequenceEqual("register"u8) ? Register(fields.SessionId) : Event(message, type, fields.Data);
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
            case HookStatusMessage or HookHistoryMessage or HookFilterMessage or HookHeartbeatMessage or ErrorMessage:
                var json = new JsonText(output);
                Write(ref json, message);
                json.Flush();
                return true;
            default:
                return false;
        }
    }

    private static void Write(ref JsonText json, ServerMessage message)
    {
        switch (message)
        {
            case HookStatusMessage status:
                HooksFrames.Status(ref json, status);
                break;
            case HookHistoryMessage history:
                json.Raw("{\"type\":\"history\",\"data\":{\"events\":["u8);
                for (var i = 0; i < history.Events.Count; i++)
                {
                    json.Raw(i == 0 ? default : ","u8);
                    WriteEvent(ref json, history.Events[i]);
                }

                json.Raw("]"u8);
                if (history.Position is { } position)
                {
                    json.Raw(",\"epoch\":"u8);
                    json.Epoch(position.Epoch);
                    json.Raw(",\"offset\":"u8);
                    json.Number(position.Offset);
                    json.Raw(history.Recovered ? ",\"recovered\":true"u8 : ",\"recovered\":false"u8);
                }

                json.Raw("}}"u8);
                break;
            case HookFilterMessage filter:
                HooksFrames.Subscribed(ref json, filter);
                break;
            case HookHeartbeatMessage heartbeat:
                json.Raw("{\"type\":\"system.heartbeat\",\"data\":{\"clients\":"u8);
                json.Number(heartbeat.Clients);
                json.Raw("}}"u8);
                break;
            case ErrorMessage error:
                json.Raw("{\"type\":\"error\",\"data\":{\"message\":"u8);
                json.String(error.Text);
                json.Raw("}}"u8);
                break;
        }
    }

    private static void WriteEvent(ref JsonText json, Publication publication)
    {
        if (publication.RawFormat == RawFormat.Hooks && !publication.Raw.IsEmpty)
        {
            json.Raw(publication.Raw.Span);
            return;
        }

        json.Raw("{\"type\":"u8);
        json.String(publication.Event);
        json.Raw(",\"timestamp\":"u8);
        json.Instant(publication.TimestampMicros);
        json.Raw(",\"data\":"u8);
        json.Raw(publication.Data.IsEmpty ? "{}"u8 : publication.Data.Span);
        json.Raw("}"u8);
    }

    private static RejectedCommand InvalidJson() => new() { Code = ErrorCode.ParseError, Message = "Invalid JSON" };

    private static ClientCommand? Command(in Fields fields)
    {
        var command = fields.Command.Utf8;
        if (command.SequenceEqual("get_status"u8))
        {
            return new HookStatusCommand();
        }

        if (command.SequenceEqual("get_history"u8))
        {
            return History(fields.Params);
        }

        return command.SequenceEqual("subscribe"u8)
            ? new HookFilterCommand { Filter = EventFilter.Of(Names(fields.Channels) ?? ["*"]) }
            : null;
    }

    private static HookHistoryCommand History(JsonValue parameters)
    {
        string[]? types = null;
        var limit = DefaultLimit;
        StreamPosition? since = null;
        if (parameters.Kind == JsonKind.Object)
        {
            var reader = JsonObjectReader.Inside(parameters);
            while (reader.Read())
            {
                if (reader.Name.SequenceEqual("event_types"u8))
                {
                    types = Names(reader.Value);
                }
                else if (reader.Name.SequenceEqual("limit"u8))
                {
                    limit = reader.Value.TryGetClamped(out var wanted) ? wanted : DefaultLimit;
                }
                else if (reader.Name.SequenceEqual("since"u8) && reader.Value.Kind == JsonKind.Object)
                {
                    // What names no place is a place nobody ever had, so that a client without one gets its first.
                    since = RelayJsonReader.TrySince(reader.Value, out var place) ? place : default(StreamPosition);
                }
            }
        }

        // An empty list was falsy in the original: no filter.
        return new HookHistoryCommand { EventTypes = types is [] ? null : types, Limit = limit, Since = since };
    }

    /// <summary>The strings of a list, others skipped; null when it is no list or a longer one than <see cref="MaxNames"/>.</summary>
    private static string[]? Names(JsonValue list)
    {
        if (list.Kind != JsonKind.Array)
        {
            return null;
        }

        var names = new List<string>();
        var elements = new JsonArrayReader(list);
        while (elements.Read())
        {
            if (elements.Value.IsString)
            {
                if (names.Count == MaxNames)
                {
                    return null;
                }

                names.Add(EventName.Intern(elements.Value.Utf8));
            }
        }

        return [.. names];
    }

    private static HookRegisterCommand? Register(JsonValue sessionId)
    {
        var id = sessionId.TextOrNull;
        if (id is null or "global")
        {
            return new HookRegisterCommand();
        }

        // No event can belong to a session whose id fits no channel name; "every event" would show more than was asked for, so nothing changes.
        return sessionId.IsOptionalName && ChannelName.TryBuild(ChannelName.Sessions, id, out _) ? new HookRegisterCommand { SessionId = id } : null;
    }

    private static HookEventCommand Event(ReadOnlySpan<byte> message, ReadOnlySpan<byte> type, JsonValue data)
    {
        ReadOnlyMemory<byte> raw = message.ToArray();
        return new HookEventCommand
        {
            Event = EventName.Intern(type),
            SessionId = SessionOf(data),
            Data = raw.Slice(data.Start, data.Raw.Length),
            Raw = raw,
        };
    }

    private static string? SessionOf(JsonValue data)
    {
        if (data.Kind != JsonKind.Object)
        {
            return null;
        }

        JsonValue sessionId = default;
        var reader = JsonObjectReader.Inside(data);
        while (reader.Read())
        {
            if (reader.Name.SequenceEqual("session_id"u8))
            {
                sessionId = reader.Value;
            }
        }

        if (!sessionId.IsString || !sessionId.IsOptionalName)
        {
            return null;
        }

        var id = EventName.Intern(sessionId.Utf8);
        return ChannelName.TryBuild(ChannelName.Sessions, id, out _) ? id : null;
    }

    private ref struct Fields
    {
        public JsonValue Command;
        public JsonValue Type;
        public JsonValue Params;
        public JsonValue Channels;
        public JsonValue SessionId;
        public JsonValue Data;

        public void Take(ReadOnlySpan<byte> name, JsonValue value)
        {
            switch (name.Length)
            {
                case 4 when name.SequenceEqual("type"u8): Type = value; break;
                case 4 when name.SequenceEqual("data"u8): Data = value; break;
                case 6 when name.SequenceEqual("params"u8): Params = value; break;
                case 7 when name.SequenceEqual("command"u8): Command = value; break;
                case 8 when name.SequenceEqual("channels"u8): Channels = value; break;
                case 10 when name.SequenceEqual("session_id"u8): SessionId = value; break;
            }
        }
    }
}
