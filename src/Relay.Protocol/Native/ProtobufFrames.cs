using System.Text;
using Wire = Relay.Protocol.Native;

namespace Relay.Protocol;

/// <summary>Builds the generated classes for every message that is no live event.</summary>
internal static class ProtobufFrames
{
    /// <summary>The frame; null when the dialect has no words for the message.</summary>
    public static Wire.ServerMessage? Of(ServerMessage message)
    {
        var milliseconds = message.TimestampMicros / 1000;
        return message switch
        {
            AckMessage { RequestId.IsPresent: false } => null,
            PresenceMessage presence => new() { Presence = Presence(presence) },
            HistoryMessage history => new() { History = History(history) },
            AckMessage ack => new() { Ack = Ack(ack, milliseconds) },
            ConnectedMessage connected => new() { Connected = Connected(connected, milliseconds) },
            ErrorMessage error => new() { Error = new() { Error_ = error.Text, Code = ErrorCodeName.Of(error.Code), Timestamp = milliseconds } },
            PingMessage => new() { Ping = new() { Timestamp = milliseconds } },
            PongMessage pong => new() { Pong = new() { Id = IdText(pong.RequestId), Timestamp = milliseconds } },
            ReconnectMessage reconnect => new()
            {
                Reconnect = new() { AfterMs = reconnect.AfterMilliseconds, Reason = reconnect.Reason, Timestamp = milliseconds },
            },
            TokenExpiringMessage expiring => new()
            {
                TokenExpiring = new() { ExpiresAt = expiring.ExpiresAtMilliseconds, Timestamp = milliseconds },
            },
            GapMessage gap => new()
            {
                Gap = new() { Channel = gap.Channel, Epoch = gap.Epoch.ToString(), From = gap.From, To = gap.To, Timestamp = milliseconds },
            },
            PresenceChangeMessage change => new()
            {
                PresenceChange = new() { Channel = change.Channel, Member = Member(change.Member), Joined = change.Joined, Timestamp = milliseconds },
            },
            _ => null,
        };
    }

    /// <summary>An event as the generated class; live events are written by <see cref="ProtobufEvents"/> to the same bytes.</summary>
    public static Wire.Event Event(Publication publication) => new()
    {
        Id = publication.MessageId,
        Channel = publication.Channel,
        Event_ = publication.Event,
        Data = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(publication.Data),
        Timestamp = publication.TimestampMicros / 1000,
        Position = publication.IsTransient ? null : Position(publication.Position),
        Key = publication.Key ?? "",
    };

    internal static Wire.Position? Position(StreamPosition position) =>
        position.Epoch.IsNone ? null : new() { Epoch = position.Epoch.ToString(), Offset = position.Offset };

    private static Wire.Ack Ack(AckMessage ack, long milliseconds)
    {
        var frame = new Wire.Ack
        {
            Id = IdText(ack.RequestId),
            Success = ack.Error is null,
            Timestamp = milliseconds,
            Error = ack.ErrorText,
            RetryAfterMs = ack.RetryAfterMilliseconds,
        };
        if (ack.Error is { } code)
        {
            frame.Code = ErrorCodeName.Of(code);
        }

        if (ack is SubscribedMessage subscribed)
        {
            frame.Position = Position(subscribed.Position);
            if (subscribed.Recovered is { } recovered)
            {
                frame.Recovered = recovered;
            }
        }
        else if (ack is PublishedMessage published)
        {
            frame.Position = Position(published.Position);
            frame.Duplicate = published.Duplicate;
            frame.Subscribers = published.Subscribers;
        }
        else if (ack is ResumedMessage resumed)
        {
            NativeResume.Write(frame, resumed);
        }
        else if (ack is VersionMismatchMessage mismatch)
        {
            frame.Current = Position(mismatch.Current);
        }
        else if (ack is PublishedBatchMessage batch)
        {
            frame.Success = NativeBatchFrames.IsSuccess(batch);
            frame.Results.AddRange(batch.Results.Select(Result));
        }

        return frame;
    }

    private static Wire.PublishResult Result(PublishResult result)
    {
        var frame = new Wire.PublishResult
        {
            Success = result.Error is null,
            Channel = result.Channel ?? "",
            Duplicate = result.Duplicate,
            Subscribers = result.Subscribers,
            Error = result.ErrorText ?? "",
            RetryAfterMs = result.RetryAfterMilliseconds,
        };
        if (result.Error is { } code)
        {
            frame.Code = ErrorCodeName.Of(code);
            frame.Current = code == ErrorCode.VersionMismatch ? Position(result.Position) : null;
        }
        else
        {
            frame.Position = Position(result.Position);
        }

        return frame;
    }

    private static Wire.Connected Connected(ConnectedMessage connected, long milliseconds) => new()
    {
        ClientId = connected.ClientId,
        Timestamp = milliseconds,
        Node = connected.Node,
        Session = connected.Session,
        PingIntervalMs = connected.PingIntervalMilliseconds,
        MaxFrameBytes = connected.MaxFrameBytes,
    };

    private static Wire.PresenceList Presence(PresenceMessage presence)
    {
        var frame = new Wire.PresenceList { Id = IdText(presence.RequestId), Channel = presence.Channel, Count = presence.Count, Users = presence.Users };
        frame.Members.AddRange(presence.Members.Select(Member));
        return frame;
    }

    private static Wire.HistoryPage History(HistoryMessage history)
    {
        var frame = new Wire.HistoryPage { Id = IdText(history.RequestId), Channel = history.Channel, Position = Position(history.Position) };
        frame.Events.AddRange(history.Events.Select(Event));
        if (history.Recovered is { } recovered)
        {
            frame.Recovered = recovered;
        }

        return frame;
    }

    private static Wire.Member Member(PresenceMember member) => new() { ClientId = member.ClientId, UserId = member.UserId ?? "" };

    // Protobuf ids are text; the core carries them as JSON tokens.
    private static string IdText(RequestId id) => id.Token is [(byte)'"', .. var inner, _]
        ? Encoding.UTF8.GetString(JsonString.Unescape(inner))
        : Encoding.ASCII.GetString(id.Token);
}
