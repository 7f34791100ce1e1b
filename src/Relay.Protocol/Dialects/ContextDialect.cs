using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>context</c>, the inter-agent context manager (protocols.md). Every check and every text below is the original's, in its order, because
/// clients compare the texts. Two places are ours: a publish to an invalid channel is refused where the original acked it, and ids that do
/// not fit a channel name cannot authenticate, since the connection could not be subscribed to <c>agents/{id}</c>.
/// </summary>
public sealed class ContextDialect : IDialect
{
    /// <summary>Text of every error frame with code <c>PARSE_ERROR</c>.</summary>
    internal const string ParseErrorText = "Failed to parse message";

    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public ContextDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md.</summary>
    public static DialectProfile DefaultProfile { get; } = new()
    {
        Kind = DialectKind.Context,
        Name = "context",
        Subprotocol = "relay.context",
        JsonPingInterval = TimeSpan.FromSeconds(30),
        Redelivers = true,
    };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary)
    {
        switch (ContextFields.Read(message, binary, out var fields))
        {
            case JsonShape.Invalid or JsonShape.Null:
                return ParseError();
            case JsonShape.Other:
                return UnknownType(default);
        }

        var type = fields.Type.Utf8;
        if (type.SequenceEqual("publish"u8))
        {
            return Publish(fields);
        }

        if (type.SequenceEqual("ping"u8))
        {
            return new PingCommand();
        }

        if (type.SequenceEqual("ack"u8))
        {
            return new AckCommand { Position = fields.AckedPosition() };
        }

        if (type.SequenceEqual("subscribe"u8))
        {
            return Subscribe(fields);
        }

        if (type.SequenceEqual("unsubscribe"u8))
        {
            return Unsubscribe(fields);
        }

        return type.SequenceEqual("auth"u8) ? Authenticate(fields) : UnknownType(fields.Type);
    }

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        ContextFrames.OpenEvent(ref json, publication);
        json.Raw("}"u8);
        json.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output)
    {
        switch (message)
        {
            case ConnectedMessage connected:
                ContextFrames.Connected(connected, output);
                return true;
            case PresenceMessage or HistoryMessage:
                return false;
            case AckMessage ack:
                return TryEncodeAck(ack, output);
            case ErrorMessage error:
                ContextFrames.Error(error, ErrorCodeName.OfContext(error.Code), output);
                return true;
            case PingMessage:
                ContextFrames.Bare("{\"type\":\"ping\",\"timestamp\":"u8, message, output);
                return true;
            case PongMessage:
                ContextFrames.Bare("{\"type\":\"pong\",\"timestamp\":"u8, message, output);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The error frame for what cannot be read.</summary>
    internal static RejectedCommand ParseError() => new() { Code = ErrorCode.ParseError, Message = ParseErrorText };

    /// <summary>The error frame for a <c>type</c> that is none of the dialect's.</summary>
    internal static RejectedCommand UnknownType(JsonValue type) =>
        new() { Code = ErrorCode.UnknownMessageType, Message = "Unknown message type: " + JavaScriptText.Of(type) };

    /// <summary>The negative ack for a bad channel name.</summary>
    internal static RejectedCommand InvalidChannel(RequestId id, string channel) =>
        new() { RequestId = id, IsAck = true, Code = ErrorCode.InvalidChannel, Message = "Invalid channel format: " + channel };

    /// <summary>The negative ack for an event that may not be published.</summary>
    internal static RejectedCommand InvalidEvent(RequestId id, string name) =>
        new() { RequestId = id, IsAck = true, Code = ErrorCode.InvalidEvent, Message = "Invalid event type: " + name };

    private static ClientCommand Subscribe(in ContextFields fields)
    {
        if (!fields.Channel.IsString || !fields.TryGetRequestId(out var id))
        {
            return ParseError();
        }

        return ChannelName.TryParse(fields.Channel.Utf8, out var channel)
            ? new SubscribeCommand { RequestId = id, Channel = channel }
            : InvalidChannel(id, fields.Channel.Text);
    }

    private static ClientCommand Unsubscribe(in ContextFields fields) => fields.Channel.IsString && fields.TryGetRequestId(out var id)
        ? new UnsubscribeCommand { RequestId = id, Channel = fields.Channel.Text }
        : ParseError();

    private static ClientCommand Publish(in ContextFields fields)
    {
        if (!fields.Channel.IsString || !fields.Event.IsString || !fields.TryGetRequestId(out var id))
        {
            return ParseError();
        }

        if (!EventName.TryParse(fields.Event.Utf8, out var name) || !EventName.IsPublishableInContext(name))
        {
            return InvalidEvent(id, fields.Event.Text);
        }

        return ChannelName.TryParse(fields.Channel.Utf8, out var channel)
            ? new PublishCommand { RequestId = id, Channel = channel, Event = name, Data = fields.Data.Copy() }
            : InvalidChannel(id, fields.Channel.Text);
    }

    private static ClientCommand Authenticate(in ContextFields fields)
    {
        if (!fields.AgentId.IsOptionalName || !fields.SessionId.IsOptionalName || !fields.Token.IsOptionalString
            || !fields.TryGetRequestId(out var id))
        {
            return ParseError();
        }

        return CheckedAuth(id, fields.AgentId.TextOrNull, fields.SessionId.TextOrNull, fields.Token.TextOrNull);
    }

    /// <summary>
    /// An auth command whose ids, where given, make valid channel names; otherwise the refusal, which like every failed auth is an error
    /// frame.
    /// </summary>
    internal static ClientCommand CheckedAuth(RequestId id, string? agentId, string? sessionId, string? token)
    {
        if (agentId is not null && !ChannelName.TryBuild(ChannelName.Agents, agentId, out _))
        {
            return UnfitId(id, ChannelName.Agents, agentId);
        }

        if (sessionId is not null && !ChannelName.TryBuild(ChannelName.Sessions, sessionId, out _))
        {
            return UnfitId(id, ChannelName.Sessions, sessionId);
        }

        return new AuthCommand { RequestId = id, AgentId = agentId, SessionId = sessionId, Token = token };
    }

    private static RejectedCommand UnfitId(RequestId id, string ns, string value) =>
        new() { RequestId = id, Code = ErrorCode.InvalidChannel, Message = $"Invalid channel format: {ns}/{value}" };

    private static bool TryEncodeAck(AckMessage ack, IBufferWriter<byte> output)
    {
        if (!ack.RequestId.IsPresent)
        {
            return false;
        }

        var json = new JsonText(output);
        ContextFrames.OpenAck(ref json, ack);
        if (ack.Error is not null)
        {
            json.Raw(",\"error\":"u8);
            json.String(ack.ErrorText);
        }

        ContextFrames.CloseWithTimestamp(ref json, ack);
        json.Flush();
        return true;
    }
}
