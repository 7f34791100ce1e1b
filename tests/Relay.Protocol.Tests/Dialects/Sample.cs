using System.Buffers;
using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>Publications and messages with fixed times and positions, so that frames can be compared byte for byte.</summary>
internal static class Sample
{
    // 2023-11-14T22:13:20.123456Z
    public const long Micros = 1_700_000_000_123_456;

    public static readonly StreamPosition Position = At("k3j9x2ab", 42);

    public static readonly RequestId Id = new("\"r1\""u8.ToArray());

    public static StreamPosition At(string epoch, long offset)
    {
        Assert.True(Epoch.TryParse(Encoding.ASCII.GetBytes(epoch), out var parsed));
        return new StreamPosition(parsed, offset);
    }

    public static Publication Event(string channel, string name, string? data = null, string? key = null) => new()
    {
        Channel = channel,
        Event = name,
        Data = data is null ? default(ReadOnlyMemory<byte>) : Encoding.UTF8.GetBytes(data),
        Position = Position,
        TimestampMicros = Micros,
        Key = key,
    };

    public static Publication Transient(string channel, string name, string? data = null) => new()
    {
        Channel = channel,
        Event = name,
        Data = data is null ? default(ReadOnlyMemory<byte>) : Encoding.UTF8.GetBytes(data),
        Position = At("k3j9x2ab", 0),
        TransientNumber = 7,
        TimestampMicros = Micros,
    };

    public static Publication Raw(RawFormat format, string raw, string channel, string name, string data) => new()
    {
        Channel = channel,
        Event = name,
        Data = Encoding.UTF8.GetBytes(data),
        Position = Position,
        TimestampMicros = Micros,
        RawFormat = format,
        Raw = Encoding.UTF8.GetBytes(raw),
    };

    /// <summary>The frame of an event.</summary>
    public static byte[] Encode(IDialect dialect, Publication publication)
    {
        var output = new ArrayBufferWriter<byte>();
        dialect.EncodeEvent(publication, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The frame of a message; null when the dialect has no words, and then it has written nothing.</summary>
    public static byte[]? Encode(IDialect dialect, ServerMessage message)
    {
        var output = new ArrayBufferWriter<byte>();
        if (dialect.TryEncode(message, output))
        {
            return output.WrittenSpan.ToArray();
        }

        Assert.Equal(0, output.WrittenCount);
        return null;
    }

    /// <summary>What the core says to a refused request: a negative ack, silence without an id, or an error.</summary>
    public static ServerMessage? Answer(RejectedCommand rejected)
    {
        if (!rejected.IsAck)
        {
            return new ErrorMessage { Code = rejected.Code, Text = rejected.Message, Details = rejected.Details, TimestampMicros = Micros, MessageBits = 1 };
        }

        return rejected.RequestId.IsPresent
            ? new AckMessage { RequestId = rejected.RequestId, Error = rejected.Code, ErrorText = rejected.Message, TimestampMicros = Micros }
            : null;
    }

    /// <summary>One result of every kind.</summary>
    public static PublishResult[] Results(string text) =>
    [
        new() { Channel = "topics/x", Position = Position, Duplicate = true, Subscribers = 2 },
        new() { Channel = "topics/x", Error = ErrorCode.VersionMismatch, ErrorText = text, Position = Position },
        new() { Channel = "topics/x", Error = ErrorCode.VersionMismatch, ErrorText = text },
        new() { Channel = "topics/x", Error = ErrorCode.Unavailable, ErrorText = text, RetryAfterMilliseconds = 5 },
        new() { Error = ErrorCode.InvalidEvent, ErrorText = text },
    ];

    /// <summary>One of every kind of server message, with texts that need escaping.</summary>
    public static IEnumerable<ServerMessage> Messages()
    {
        const string text = "q\"\\\n é";
        var member = new PresenceMember("ws_1", null);
        yield return new ConnectedMessage { TimestampMicros = Micros, ClientId = "ws_1", Node = text, Session = text, PingIntervalMilliseconds = 25000, MaxFrameBytes = 65536 };
        yield return new AckMessage { TimestampMicros = Micros, RequestId = Id };
        yield return new AckMessage { TimestampMicros = Micros, RequestId = RequestId.None };
        yield return new SubscribedMessage { TimestampMicros = Micros, RequestId = Id, Position = Position, Recovered = false };
        yield return new SubscribedMessage { TimestampMicros = Micros, RequestId = Id, Position = default };
        yield return new PublishedMessage { TimestampMicros = Micros, RequestId = Id, Position = Position, Duplicate = true, Subscribers = 3 };
        yield return new VersionMismatchMessage { TimestampMicros = Micros, RequestId = Id, Error = ErrorCode.VersionMismatch, ErrorText = text, Current = default };
        yield return new PublishedBatchMessage { TimestampMicros = Micros, RequestId = Id, Results = Results(text) };
        yield return new PingMessage { TimestampMicros = Micros };
        yield return new PongMessage { TimestampMicros = Micros, RequestId = Id, SessionId = text };
        yield return new ReconnectMessage { TimestampMicros = Micros, AfterMilliseconds = 10, Reason = text };
        yield return new GapMessage { TimestampMicros = Micros, Channel = text, Epoch = Position.Epoch, From = 1, To = long.MaxValue };
        yield return new PresenceMessage { TimestampMicros = Micros, RequestId = Id, Channel = text, Members = [member, new PresenceMember(text, text)], Count = 9, Users = 1 };
        yield return new ResumedMessage
        {
            TimestampMicros = Micros, RequestId = Id, Session = text, ClientId = text,
            Channels = [new(text, Position, true), new(text), new(text, Error: ErrorCode.NotAuthorized)],
        };
        yield return new PresenceChangeMessage { TimestampMicros = Micros, Channel = text, Member = member, Joined = true };
        yield return new HistoryMessage { TimestampMicros = Micros, RequestId = Id, Channel = text, Position = Position, Events = [Event("global", text, "1"), Transient("global", text)] };
        yield return new HistoryMessage { TimestampMicros = Micros, RequestId = Id, Channel = text, Position = Position, Recovered = false, Events = [] };
        yield return new HookStatusMessage { TimestampMicros = Micros, ConnectedClients = 1, Port = 8765, Host = text, SessionId = text, ClaudePid = 5 };
        yield return new HookHistoryMessage { TimestampMicros = Micros, Events = [Event("hooks", text), Raw(RawFormat.Hooks, "{\"type\":1}", "hooks", "x", "1")] };
        yield return new HookFilterMessage { TimestampMicros = Micros, Patterns = ["*", text] };
        yield return new HookHeartbeatMessage { TimestampMicros = Micros, Clients = 2 };
        yield return new SystemMessage { TimestampMicros = Micros, MessageId = 1, Level = "info", Text = text };
        yield return new SessionStatusMessage { TimestampMicros = Micros, MessageId = 1, SessionId = text, Status = "active", MessageCount = 2, CreatedMicros = 0, LastActivityMicros = Micros };
        yield return new SessionHistoryMessage { TimestampMicros = Micros, SessionId = text, Publication = Event("sessions/1", "chat_message", "{}") };
        foreach (var code in Enum.GetValues<ErrorCode>())
        {
            yield return new ErrorMessage { TimestampMicros = Micros, Code = code, Text = text, Details = text, SessionId = text };
            yield return new AckMessage { TimestampMicros = Micros, RequestId = Id, Error = code, ErrorText = text, RetryAfterMilliseconds = 5 };
        }
    }
}
