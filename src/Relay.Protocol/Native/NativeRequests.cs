using System.Text;

namespace Relay.Protocol;

/// <summary>
/// The checks of native requests, one for JSON and protobuf. A refusal is a negative ack when the request has an id and an error frame when
/// it has none: unlike a <c>context</c> client, a native one is always told.
/// </summary>
internal static class NativeRequests
{
    /// <summary>Longest idempotency or conflation key in UTF-8 bytes: a channel keeps up to 10,000 of them (guarantees.md 3).</summary>
    public const int MaxKeyBytes = 256;

    /// <summary>Most names in one filter; every event is compared with each.</summary>
    public const int MaxFilterNames = 256;

    public static RejectedCommand Reject(RequestId id, ErrorCode code, string message) =>
        new() { RequestId = id, IsAck = id.IsPresent, Code = code, Message = message };

    public static RejectedCommand InvalidChannel(RequestId id, ReadOnlySpan<byte> channel) =>
        Reject(id, ErrorCode.InvalidChannel, "Invalid channel format: " + Encoding.UTF8.GetString(channel));

    public static ClientCommand Subscribe(
        RequestId id, ReadOnlySpan<byte> channel, StreamPosition? since, long last, PresenceWish presence, EventFilter? filter, bool lastPerKey, long? sinceTime)
    {
        if (last is < 0 or > int.MaxValue)
        {
            return Reject(id, ErrorCode.InvalidMessage, "Invalid last: expected a number of events, 0 or more");
        }

        if (NativeReplay.Problem(since, last, lastPerKey, sinceTime) is { } problem)
        {
            return Reject(id, ErrorCode.InvalidMessage, problem);
        }

        var isPattern = ChannelPattern.LooksLikePattern(channel);
        if (!ChannelName.TryParse(channel, out var name) || (isPattern && !ChannelPattern.TryParse(name, out _)))
        {
            return InvalidChannel(id, channel);
        }

        if (isPattern && (lastPerKey || sinceTime is not null))
        {
            return Reject(id, ErrorCode.InvalidMessage, "A pattern has no history: last_per_key and since_time are for one channel");
        }

        if (isPattern && presence != PresenceWish.None)
        {
            return Reject(id, ErrorCode.InvalidMessage, "A pattern has no presence: subscribe to the channel itself");
        }

        return new SubscribeCommand
        {
            RequestId = id,
            Channel = name,
            IsPattern = isPattern,
            Since = since,
            Last = (int)last,
            LastPerKey = lastPerKey,
            FromMicros = NativeReplay.Micros(sinceTime),
            Presence = presence,
            Filter = filter,
        };
    }

    public static ClientCommand Publish(
        RequestId id,
        ReadOnlySpan<byte> idText,
        ReadOnlySpan<byte> channel,
        ReadOnlySpan<byte> name,
        ReadOnlyMemory<byte> data,
        ReadOnlySpan<byte> key,
        long ttl,
        ExpectedVersion? ifVersion,
        ReadOnlySpan<byte> trace = default)
    {
        if (!EventName.TryParse(name, out var eventName))
        {
            return Reject(id, ErrorCode.InvalidEvent, "Invalid event type: " + Encoding.UTF8.GetString(name));
        }

        if (!ChannelName.TryParse(channel, out var channelName))
        {
            return InvalidChannel(id, channel);
        }

        if (!TryKey(idText, out var idempotencyKey) || !TryKey(key, out var conflationKey))
        {
            return Reject(id, ErrorCode.InvalidMessage, "Invalid id or key: expected at most 256 bytes of text");
        }

        if (ttl < 0)
        {
            return Reject(id, ErrorCode.InvalidMessage, "Invalid ttl: expected milliseconds, 0 or more");
        }

        if (ifVersion is not null && conflationKey is null)
        {
            return Reject(id, ErrorCode.InvalidMessage, "if_version needs a key: the version is that of the key");
        }

        return new PublishCommand
        {
            RequestId = id,
            Channel = channelName,
            Event = eventName,
            Data = data,
            IdempotencyKey = idempotencyKey,
            Key = conflationKey,
            TtlMilliseconds = ttl,
            IfVersion = ifVersion,
            Trace = TraceParent.Parse(trace),
        };
    }

    public static ClientCommand Presence(RequestId id, ReadOnlySpan<byte> channel)
    {
        if (!id.IsPresent)
        {
            return Reject(id, ErrorCode.InvalidMessage, "presence needs an id");
        }

        return ChannelName.TryParse(channel, out var name) ? new PresenceCommand { RequestId = id, Channel = name } : InvalidChannel(id, channel);
    }

    public static ClientCommand Auth(RequestId id, string? agentId, string? sessionId, string? token)
    {
        var command = ContextDialect.CheckedAuth(id, agentId, sessionId, token);
        return command is RejectedCommand rejected ? Reject(id, rejected.Code, rejected.Message) : command;
    }

    public static ClientCommand Refresh(RequestId id, string? token) => string.IsNullOrEmpty(token)
        ? Reject(id, ErrorCode.InvalidMessage, "refresh needs a token")
        : new RefreshCommand { RequestId = id, Token = token };

    /// <summary>Reads a position's two halves; false when the epoch is none or the offset is negative.</summary>
    public static bool TryPosition(ReadOnlySpan<byte> epochText, long offset, out StreamPosition position)
    {
        position = default;
        if (offset < 0 || !Epoch.TryParse(epochText, out var epoch))
        {
            return false;
        }

        position = new StreamPosition(epoch, offset);
        return true;
    }

    /// <summary>The refusal of a position that cannot be read.</summary>
    public static RejectedCommand InvalidSince(RequestId id) =>
        Reject(id, ErrorCode.InvalidMessage, "Invalid since: expected an epoch and an offset as received");

    /// <summary>The refusal of a filter that cannot be read.</summary>
    public static RejectedCommand InvalidFilter(RequestId id) =>
        Reject(id, ErrorCode.InvalidMessage, "Invalid filter: expected a list of at most 256 event names or prefixes");

    /// <summary>The wish of a subscribe that asks for presence, or does not; by user only where it asks.</summary>
    public static PresenceWish Wish(bool wanted, bool byUser) => (wanted, byUser) switch
    {
        (false, _) => PresenceWish.None,
        (true, false) => PresenceWish.Connections,
        _ => PresenceWish.Users,
    };

    /// <summary>Reads <c>presence_by</c>: <c>connection</c>, which is the default, or <c>user</c>.</summary>
    public static bool TryPresenceBy(JsonValue value, out bool byUser)
    {
        byUser = value.Utf8.SequenceEqual("user"u8);
        return value.IsMissing || byUser || value.Utf8.SequenceEqual("connection"u8);
    }

    /// <summary>The refusal of a <c>presence_by</c> that is none.</summary>
    public static RejectedCommand InvalidPresenceBy(RequestId id) =>
        Reject(id, ErrorCode.InvalidMessage, "Invalid presence_by: expected connection or user");

    /// <summary>A key's text, null when empty; false when it is too long or no UTF-8.</summary>
    public static bool TryKey(ReadOnlySpan<byte> utf8, out string? key)
    {
        key = null;
        if (utf8.Length > MaxKeyBytes || !System.Text.Unicode.Utf8.IsValid(utf8))
        {
            return false;
        }

        key = utf8.IsEmpty ? null : Encoding.UTF8.GetString(utf8);
        return true;
    }
}
