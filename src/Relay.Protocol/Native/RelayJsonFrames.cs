namespace Relay.Protocol;

/// <summary>Native JSON frames other than events, errors and pings.</summary>
internal static class RelayJsonFrames
{
    /// <summary>Writes the frame of any message that the dialect has words for.</summary>
    public static void Write(ref JsonText json, ServerMessage message)
    {
        switch (message)
        {
            case PresenceMessage presence:
                Presence(ref json, presence);
                break;
            case HistoryMessage history:
                History(ref json, history);
                break;
            case PublishedBatchMessage batch:
                NativeBatchFrames.Write(ref json, batch);
                break;
            case AckMessage ack:
                Ack(ref json, ack);
                break;
            case ConnectedMessage connected:
                Connected(ref json, connected);
                break;
            case PongMessage pong:
                Pong(ref json, pong);
                break;
            case ReconnectMessage reconnect:
                Reconnect(ref json, reconnect);
                break;
            case TokenExpiringMessage expiring:
                json.Raw("{\"type\":\"token_expiring\",\"expires_at\":"u8);
                json.Number(expiring.ExpiresAtMilliseconds);
                ContextFrames.CloseWithTimestamp(ref json, expiring);
                break;
            case GapMessage gap:
                Gap(ref json, gap);
                break;
            case PresenceChangeMessage change:
                PresenceChange(ref json, change);
                break;
        }
    }

    /// <summary>Writes <c>,"epoch":"…","offset":n</c>; nothing for a position that is none (patterns, transient events).</summary>
    public static void Position(ref JsonText json, StreamPosition position)
    {
        if (position.Epoch.IsNone)
        {
            return;
        }

        json.Raw(",\"epoch\":"u8);
        json.Epoch(position.Epoch);
        json.Raw(",\"offset\":"u8);
        json.Number(position.Offset);
    }

    private static void Ack(ref JsonText json, AckMessage ack)
    {
        ContextFrames.OpenAck(ref json, ack);
        if (ack.Error is { } code)
        {
            json.Raw(",\"code\":"u8);
            json.String(ErrorCodeName.Of(code));
            json.Raw(",\"error\":"u8);
            json.String(ack.ErrorText);
            if (ack is VersionMismatchMessage mismatch)
            {
                NativeBatchFrames.Current(ref json, mismatch.Current);
            }

            if (ack.RetryAfterMilliseconds > 0)
            {
                json.Raw(",\"retry_after_ms\":"u8);
                json.Number(ack.RetryAfterMilliseconds);
            }

            ContextFrames.CloseWithTimestamp(ref json, ack);
            return;
        }

        json.Raw(",\"timestamp\":"u8);
        json.Number(ack.TimestampMicros / 1000);
        if (ack is SubscribedMessage subscribed)
        {
            Position(ref json, subscribed.Position);
            if (subscribed.Recovered is { } recovered)
            {
                json.Raw(",\"recovered\":"u8);
                json.Boolean(recovered);
            }
        }
        else if (ack is PublishedMessage published)
        {
            Position(ref json, published.Position);
            json.Raw(",\"duplicate\":"u8);
            json.Boolean(published.Duplicate);
            json.Raw(",\"subscribers\":"u8);
            json.Number(published.Subscribers);
        }
        else if (ack is ResumedMessage resumed)
        {
            NativeResume.Write(ref json, resumed);
        }

        json.Raw("}"u8);
    }

    private static void Connected(ref JsonText json, ConnectedMessage connected)
    {
        ContextFrames.OpenConnected(ref json, connected);
        json.Raw(",\"node\":"u8);
        json.String(connected.Node);
        json.Raw(",\"session\":"u8);
        json.String(connected.Session);
        json.Raw(",\"ping_interval_ms\":"u8);
        json.Number(connected.PingIntervalMilliseconds);
        json.Raw(",\"max_frame_bytes\":"u8);
        json.Number(connected.MaxFrameBytes);
        json.Raw("}"u8);
    }

    private static void Pong(ref JsonText json, PongMessage pong)
    {
        json.Raw("{\"type\":\"pong\""u8);
        if (pong.RequestId.IsPresent)
        {
            json.Raw(",\"id\":"u8);
            json.Raw(pong.RequestId.Token);
        }

        ContextFrames.CloseWithTimestamp(ref json, pong);
    }

    private static void Reconnect(ref JsonText json, ReconnectMessage reconnect)
    {
        json.Raw("{\"type\":\"reconnect\",\"after_ms\":"u8);
        json.Number(reconnect.AfterMilliseconds);
        json.Raw(",\"reason\":"u8);
        json.String(reconnect.Reason);
        ContextFrames.CloseWithTimestamp(ref json, reconnect);
    }

    private static void Gap(ref JsonText json, GapMessage gap)
    {
        json.Raw("{\"type\":\"gap\",\"channel\":"u8);
        json.String(gap.Channel);
        json.Raw(",\"epoch\":"u8);
        json.Epoch(gap.Epoch);
        json.Raw(",\"from\":"u8);
        json.Number(gap.From);
        json.Raw(",\"to\":"u8);
        json.Number(gap.To);
        ContextFrames.CloseWithTimestamp(ref json, gap);
    }

    private static void PresenceChange(ref JsonText json, PresenceChangeMessage change)
    {
        json.Raw(change.Joined ? "{\"type\":\"join\",\"channel\":"u8 : "{\"type\":\"leave\",\"channel\":"u8);
        json.String(change.Channel);
        json.Raw(",\"client_id\":"u8);
        json.String(change.Member.ClientId);
        if (change.Member.UserId is not null)
        {
            json.Raw(",\"user_id\":"u8);
            json.String(change.Member.UserId);
        }

        ContextFrames.CloseWithTimestamp(ref json, change);
    }

    private static void Presence(ref JsonText json, PresenceMessage presence)
    {
        json.Raw("{\"type\":\"presence\",\"id\":"u8);
        json.Raw(presence.RequestId.Token);
        json.Raw(",\"success\":true,\"channel\":"u8);
        json.String(presence.Channel);
        json.Raw(",\"members\":["u8);
        for (var i = 0; i < presence.Members.Count; i++)
        {
            json.Raw(i == 0 ? "{\"client_id\":"u8 : ",{\"client_id\":"u8);
            json.String(presence.Members[i].ClientId);
            json.Raw(",\"user_id\":"u8);
            json.String(presence.Members[i].UserId);
            json.Raw("}"u8);
        }

        json.Raw("],\"count\":"u8);
        json.Number(presence.Count);
        json.Raw(",\"users\":"u8);
        json.Number(presence.Users);
        json.Raw("}"u8);
    }

    private static void History(ref JsonText json, HistoryMessage history)
    {
        json.Raw("{\"type\":\"history\",\"id\":"u8);
        json.Raw(history.RequestId.Token);
        json.Raw(",\"success\":true,\"channel\":"u8);
        json.String(history.Channel);
        Position(ref json, history.Position);
        if (history.Recovered is { } recovered)
        {
            json.Raw(",\"recovered\":"u8);
            json.Boolean(recovered);
        }

        json.Raw(",\"events\":["u8);
        for (var i = 0; i < history.Events.Count; i++)
        {
            json.Raw(i == 0 ? default : ","u8);
            RelayJsonDialect.WriteEvent(ref json, history.Events[i]);
        }

        json.Raw("]}"u8);
    }
}
