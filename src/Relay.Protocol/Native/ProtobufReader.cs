using System.Buffers;
using System.Text;
using Wire = Relay.Protocol.Native;

namespace Relay.Protocol;

/// <summary>Turns parsed protobuf requests into commands, through the same checks as the JSON ones.</summary>
internal static class ProtobufReader
{
    /// <summary>The command, or the refusal.</summary>
    public static ClientCommand Read(Wire.ClientMessage request)
    {
        var id = RequestIdOf(request.Id);
        return request.CommandCase switch
        {
            Wire.ClientMessage.CommandOneofCase.Publish => Publish(id, request.Id, request.Publish),
            Wire.ClientMessage.CommandOneofCase.PublishBatch => PublishBatch(id, request.PublishBatch),
            Wire.ClientMessage.CommandOneofCase.Ping => new PingCommand { RequestId = id },
            Wire.ClientMessage.CommandOneofCase.Ack => Ack(request.Ack),
            Wire.ClientMessage.CommandOneofCase.Subscribe => Subscribe(id, request.Subscribe),
            Wire.ClientMessage.CommandOneofCase.Unsubscribe => new UnsubscribeCommand { RequestId = id, Channel = request.Unsubscribe.Channel },
            Wire.ClientMessage.CommandOneofCase.Auth => NativeRequests.Auth(
                id, OrNull(request.Auth.AgentId), OrNull(request.Auth.SessionId), OrNull(request.Auth.Token)),
            Wire.ClientMessage.CommandOneofCase.Refresh => NativeRequests.Refresh(id, request.Refresh.Token),
            Wire.ClientMessage.CommandOneofCase.Presence => NativeRequests.Presence(id, Name(request.Presence.Channel)),
            Wire.ClientMessage.CommandOneofCase.History => History(id, request.History),
            Wire.ClientMessage.CommandOneofCase.Resume => NativeResume.Read(id, request.Resume),
            _ => NativeRequests.Reject(id, ErrorCode.UnknownMessageType, "Unknown message type: undefined"),
        };
    }

    private static ClientCommand Publish(RequestId id, string idText, Wire.Publish publish)
    {
        var data = publish.Data.Memory;
        if (!data.IsEmpty && !(System.Text.Unicode.Utf8.IsValid(data.Span) && JsonScanner.IsValue(data.Span)))
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidData, "Invalid data: expected one JSON value");
        }

        if (!TryVersion(publish.IfVersion, out var ifVersion))
        {
            return NativeBatch.InvalidVersion(id);
        }

        return NativeRequests.Publish(id, Name(idText), Name(publish.Channel), Name(publish.Event), data, Name(publish.Key), publish.Ttl, ifVersion, Name(publish.Traceparent));
    }

    private static ClientCommand PublishBatch(RequestId id, Wire.PublishBatch batch) => NativeBatch.Of(
        id, [.. batch.Items.Take(NativeBatch.MaxItems + 1).Select(static item => Publish(RequestId.None, item.Id, item.Publish ?? new Wire.Publish()))]);

    private static bool TryVersion(Wire.Position? position, out ExpectedVersion? version)
    {
        version = position switch
        {
            null => null,
            { Epoch: "", Offset: >= 0 } => new ExpectedVersion(default, position.Offset),
            { Offset: > 0 } when NativeRequests.TryPosition(Name(position.Epoch), position.Offset, out var known) => new ExpectedVersion(known.Epoch, known.Offset),
            _ => null,
        };
        return version is not null || position is null;
    }

    private static AckCommand Ack(Wire.EventAck ack) =>
        new() { Position = MessageId.TryParse(Name(ack.MessageId), out var position) ? position : null };

    private static ClientCommand Subscribe(RequestId id, Wire.Subscribe subscribe)
    {
        if (!TrySince(subscribe.Since, out var since))
        {
            return NativeRequests.InvalidSince(id);
        }

        if (!TryFilter(subscribe.Filter, out var filter))
        {
            return NativeRequests.InvalidFilter(id);
        }

        return NativeRequests.Subscribe(
            id, Name(subscribe.Channel), since, subscribe.Last, NativeRequests.Wish(subscribe.Presence, subscribe.PresenceByUser), filter, subscribe.LastPerKey, subscribe.HasSinceTime ? subscribe.SinceTime : null);
    }

    private static ClientCommand History(RequestId id, Wire.HistoryRequest history) => TrySince(history.Since, out var since)
        ? NativeReplay.History(id, Name(history.Channel), new HistoryWish
        {
            Since = since,
            Until = history.HasUntil ? history.Until : null,
            SinceTime = history.HasSinceTime ? history.SinceTime : null,
            LastPerKey = history.LastPerKey,
            Key = Name(history.Key),
            Limit = history.Limit == 0 ? null : history.Limit,
        })
        : NativeRequests.InvalidSince(id);

    private static bool TrySince(Wire.Position? position, out StreamPosition? since)
    {
        since = null;
        if (position is null)
        {
            return true;
        }

        var valid = NativeRequests.TryPosition(Name(position.Epoch), position.Offset, out var read);
        since = valid ? read : null;
        return valid;
    }

    private static bool TryFilter(Wire.Filter? wanted, out EventFilter? filter)
    {
        filter = null;
        if (wanted is null)
        {
            return true;
        }

        if (wanted.Events.Count > NativeRequests.MaxFilterNames)
        {
            return false;
        }

        var names = new string[wanted.Events.Count];
        for (var i = 0; i < names.Length; i++)
        {
            if (!EventName.TryParse(Name(wanted.Events[i]), out var name))
            {
                return false;
            }

            names[i] = name;
        }

        filter = EventFilter.Of(names);
        return true;
    }

    private static RequestId RequestIdOf(string id)
    {
        if (id.Length == 0)
        {
            return RequestId.None;
        }

        var token = new ArrayBufferWriter<byte>(id.Length + 2);
        var json = new JsonText(token);
        json.String(id);
        json.Flush();
        return new RequestId(token.WrittenSpan.ToArray());
    }

    private static string? OrNull(string text) => text.Length == 0 ? null : text;

    // The generated parser puts U+FFFD in the place of invalid UTF-8. Two names that differ must not become one that way, so the character
    // goes back to a byte that the naming rules refuse.
    internal static byte[] Name(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var at = text.Contains('\uFFFD', StringComparison.Ordinal) ? utf8.AsSpan().IndexOf("\uFFFD"u8) : -1;
        if (at >= 0)
        {
            utf8[at] = 0xFF;
        }

        return utf8;
    }
}
