namespace Relay.Protocol;

/// <summary>
/// The members of a <c>context</c> or native message that anybody asks for, as slices of the frame; unknown members are skipped and the last of two
/// equal keys has the word, as with JavaScript's <c>JSON.parse</c>.
/// </summary>
internal ref struct ContextFields
{
    public JsonValue Type;
    public JsonValue Id;
    public JsonValue Channel;
    public JsonValue Event;
    public JsonValue Data;
    public JsonValue MessageId;
    public JsonValue AgentId;
    public JsonValue SessionId;
    public JsonValue Token;
    public JsonValue Since;
    public JsonValue Last;
    public JsonValue Presence;
    public JsonValue Filter;
    public JsonValue Ttl;
    public JsonValue Key;
    public JsonValue Limit;
    public JsonValue Until;
    public JsonValue Items;
    public JsonValue IfVersion;
    public JsonValue SinceTime;
    public JsonValue LastPerKey;
    public JsonValue Session;
    public JsonValue Positions;
    public JsonValue PresenceBy;
    public JsonValue TraceParent;

    /// <summary>Reads the whole document; the fields count only for <see cref="JsonShape.Object"/>.</summary>
    public static JsonShape Read(ReadOnlySpan<byte> message, bool binary, out ContextFields fields)
    {
        fields = default;
        var shape = JsonObjectReader.Open(message, checkUtf8: binary, out var reader);
        if (shape != JsonShape.Object)
        {
            return shape;
        }

        while (reader.Read())
        {
            fields.Take(reader.Name, reader.Value);
        }

        return reader.Failed ? JsonShape.Invalid : JsonShape.Object;
    }

    /// <summary>The members of an object inside a frame that is known to be well-formed.</summary>
    public static ContextFields Inside(JsonValue value)
    {
        ContextFields fields = default;
        var reader = JsonObjectReader.Inside(value);
        while (reader.Read())
        {
            fields.Take(reader.Name, reader.Value);
        }

        return fields;
    }

    private void Take(ReadOnlySpan<byte> name, JsonValue value)
    {
        switch (name.Length)
        {
            case 2 when name.SequenceEqual("id"u8): Id = value; break;
            case 3 when name.SequenceEqual("ttl"u8): Ttl = value; break;
            case 3 when name.SequenceEqual("key"u8): Key = value; break;
            case 4 when name.SequenceEqual("type"u8): Type = value; break;
            case 4 when name.SequenceEqual("data"u8): Data = value; break;
            case 4 when name.SequenceEqual("last"u8): Last = value; break;
            case 5 when name.SequenceEqual("event"u8): Event = value; break;
            case 5 when name.SequenceEqual("token"u8): Token = value; break;
            case 5 when name.SequenceEqual("since"u8): Since = value; break;
            case 5 when name.SequenceEqual("limit"u8): Limit = value; break;
            case 5 when name.SequenceEqual("until"u8): Until = value; break;
            case 5 when name.SequenceEqual("items"u8): Items = value; break;
            case 6 when name.SequenceEqual("filter"u8): Filter = value; break;
            case 7 when name.SequenceEqual("channel"u8): Channel = value; break;
            case 7 when name.SequenceEqual("session"u8): Session = value; break;
            case 8 when name.SequenceEqual("agent_id"u8): AgentId = value; break;
            case 8 when name.SequenceEqual("presence"u8): Presence = value; break;
            case 9 when name.SequenceEqual("positions"u8): Positions = value; break;
            case 10 when name.SequenceEqual("message_id"u8): MessageId = value; break;
            case 10 when name.SequenceEqual("session_id"u8): SessionId = value; break;
            case 10 when name.SequenceEqual("if_version"u8): IfVersion = value; break;
            case 10 when name.SequenceEqual("since_time"u8): SinceTime = value; break;
            case 12 when name.SequenceEqual("last_per_key"u8): LastPerKey = value; break;
            case 11 when name.SequenceEqual("presence_by"u8): PresenceBy = value; break;
            case 11 when name.SequenceEqual("traceparent"u8): TraceParent = value; break;
        }
    }

    /// <summary>
    /// The request's id: none when absent, null, <c>""</c> or zero; otherwise the token as written. False when it is of another type.
    /// </summary>
    public readonly bool TryGetRequestId(out RequestId id)
    {
        id = RequestId.None;
        switch (Id.Kind)
        {
            case JsonKind.Absent or JsonKind.Null:
                return true;
            case JsonKind.String:
                id = Id.Raw.Length == 2 ? RequestId.None : new RequestId(Id.Raw.ToArray());
                return true;
            case JsonKind.Number:
                id = Id.IsZero ? RequestId.None : new RequestId(Id.Raw.ToArray());
                return true;
            default:
                return false;
        }
    }

    /// <summary>The position that an <c>ack</c> names; null when it is none of ours.</summary>
    public readonly StreamPosition? AckedPosition() => Protocol.MessageId.TryParse(MessageId.Utf8, out var position) ? position : null;
}
