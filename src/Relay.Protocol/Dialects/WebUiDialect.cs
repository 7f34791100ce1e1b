using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>webui</c>, the agent chat UI (protocols.md). The original read a frame in two steps, first the envelope into a Go struct, then
/// <c>data</c> into the struct of the type; the order of the error codes comes from there, and so does that a missing field is an empty one.
/// </summary>
public sealed class WebUiDialect : IDialect
{
    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public WebUiDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md: 512 bytes is the original's limit; the client expects a ping within 60 s.</summary>
    public static DialectProfile DefaultProfile { get; } = new()
    {
        Kind = DialectKind.WebUi,
        Name = "webui",
        MaxMessageBytes = 512,
        PingInterval = TimeSpan.FromSeconds(54),
    };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary)
    {
        var fields = default(Fields);
        if (!TryReadEnvelope(message, binary, ref fields, out var fault))
        {
            return Reject(ErrorCode.ParseError, "Invalid JSON format", fault);
        }

        var type = fields.Type.Utf8;
        if (type.IsEmpty)
        {
            return Reject(ErrorCode.InvalidMessage, "Message type is required", "");
        }

        if (type.SequenceEqual("chat_message"u8))
        {
            return Chat(fields.Data);
        }

        if (type.SequenceEqual("ping"u8))
        {
            return new PingCommand();
        }

        if (type.SequenceEqual("typing"u8))
        {
            return Typing(fields.Data);
        }

        if (type.SequenceEqual("session_create"u8))
        {
            return Create(fields.Data);
        }

        return type.SequenceEqual("session_join"u8)
            ? Join(fields.Data)
            : Reject(ErrorCode.UnknownMessageType, "Unknown message type", fields.Type.Text);
    }

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        WebUiFrames.Event(ref json, publication);
        json.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output)
    {
        switch (message)
        {
            case SystemMessage or SessionStatusMessage or SessionHistoryMessage or ErrorMessage or PongMessage:
                var json = new JsonText(output);
                WebUiFrames.Write(ref json, message);
                json.Flush();
                return true;
            default:
                return false;
        }
    }

    private static RejectedCommand Reject(ErrorCode code, string message, string details) =>
        new() { Code = code, Message = message, Details = details };

    private static bool TryReadEnvelope(ReadOnlySpan<byte> message, bool binary, ref Fields fields, out string fault)
    {
        fault = "not a JSON object";
        if (JsonObjectReader.Open(message, checkUtf8: binary, out var reader) != JsonShape.Object)
        {
            return false;
        }

        while (reader.Read())
        {
            fields.Take(reader.Name, reader.Value);
        }

        if (reader.Failed)
        {
            return false;
        }

        fault = fields.Fault();
        return fault.Length == 0;
    }

    private static ClientCommand Create(JsonValue data) => HasOnlyStrings(data, "session_id"u8, "user_id"u8)
        ? new SessionCreateCommand()
        : Reject(ErrorCode.InvalidSessionCreate, "Invalid session_create data", "session_id and user_id must be strings");

    private static ClientCommand Join(JsonValue data)
    {
        var sessionId = Member(data, "session_id"u8);
        return sessionId.IsOptionalString
            ? new SessionJoinCommand { SessionId = sessionId.Text }
            : Reject(ErrorCode.InvalidSessionJoin, "Invalid session_join data", "session_id must be a string");
    }

    private static ClientCommand Chat(JsonValue data) => HasOnlyStrings(data, "content"u8, "message_type"u8)
        ? new ChatCommand { Content = Member(data, "content"u8).Text, Data = ObjectOrEmpty(data) }
        : Reject(ErrorCode.InvalidChatMessage, "Invalid chat_message data", "content and message_type must be strings");

    private static ClientCommand Typing(JsonValue data)
    {
        var isTyping = Member(data, "is_typing"u8);
        return isTyping.IsMissing || isTyping.Kind == JsonKind.Boolean
            ? new TypingCommand { Data = ObjectOrEmpty(data) }
            : Reject(ErrorCode.InvalidMessage, "Invalid typing data", "is_typing must be a boolean");
    }

    private static bool HasOnlyStrings(JsonValue data, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) =>
        Member(data, first).IsOptionalString && Member(data, second).IsOptionalString;

    private static JsonValue Member(JsonValue data, ReadOnlySpan<byte> name)
    {
        JsonValue value = default;
        if (data.Kind == JsonKind.Object)
        {
            var reader = JsonObjectReader.Inside(data);
            while (reader.Read())
            {
                if (reader.Name.SequenceEqual(name))
                {
                    value = reader.Value;
                }
            }
        }

        return value;
    }

    private static ReadOnlyMemory<byte> ObjectOrEmpty(JsonValue data) => data.IsMissing ? "{}"u8.ToArray() : data.Copy();

    private ref struct Fields
    {
        public JsonValue Type;
        public JsonValue Data;
        private JsonValue _sessionId;
        private JsonValue _messageId;
        private JsonValue _timestamp;

        public void Take(ReadOnlySpan<byte> name, JsonValue value)
        {
            switch (name.Length)
            {
                case 4 when name.SequenceEqual("type"u8): Type = value; break;
                case 4 when name.SequenceEqual("data"u8): Data = value; break;
                case 9 when name.SequenceEqual("timestamp"u8): _timestamp = value; break;
                case 10 when name.SequenceEqual("session_id"u8): _sessionId = value; break;
                case 10 when name.SequenceEqual("message_id"u8): _messageId = value; break;
            }
        }

        /// <summary>What in the envelope is of a wrong type; empty when nothing is. null counts as absent, as in Go.</summary>
        public readonly string Fault()
        {
            if (!Type.IsOptionalString || !_sessionId.IsOptionalString || !_messageId.IsOptionalString)
            {
                return "type, session_id and message_id must be strings";
            }

            if (!_timestamp.IsMissing && !InstantText.IsRfc3339(_timestamp.Utf8))
            {
                return "timestamp must be an RFC 3339 string";
            }

            return Data.IsMissing || Data.Kind == JsonKind.Object ? "" : "data must be an object";
        }
    }
}
