using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using Relay.Actors.Channels;
using Relay.Actors.Sessions;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Tests.Cluster;

/// <summary>Random questions, answers and states, with everything that may or may not be in them.</summary>
internal sealed class WireSamples(int seed)
{
    public const string Channel = "topics/é";

    private readonly Random _random = new(seed);

    public static IActorRef Asker { get; } = ActorRefs.Nobody;

    public object Question() => _random.Next(9) switch
    {
        0 or 1 => new PublishBatch { Channel = Channel, Items = Many(4, Item), Scope = Text(), WantsReply = true },
        2 or 3 => Query(),
        4 => new CreateSession(Maybe(Text)),
        5 => new JoinSession(Maybe(Text)),
        6 => new SayInSession(Number(), Maybe(Text), Text(), Data()),
        7 => new TypeInSession(Number(), Data()),
        _ => _random.Next(3) switch { 0 => new DeleteSession(), 1 => new WakeSession(), _ => new AwaitAnswer(Text()) },
    };

    /// <summary>A question and an answer to it.</summary>
    public (object Question, object Answer) Answer()
    {
        switch (_random.Next(9))
        {
            case 0:
                var batch = new PublishBatch { Channel = Channel, Items = Many(5, Item) };
                return (batch, Reply(batch));
            case 1:
                var query = Query();
                var reply = new HistoryReply(query, Position(), Flag(), [.. Many(4, Event)]) { Refusal = Maybe(Text), Start = Position(), Reached = Position() };
                return (query, reply);
            case 2:
                var summary = new SessionSummary(Text(), Text(), _random.Next(), Number(), Number());
                return (new JoinSession(), new SessionJoined(summary, Many(4, Event), Position()) { Endings = Many(2, Event) });
            case 3:
                return (new JoinSession(), new SessionMissing(Text()));
            case 4:
                return (new CreateSession(), new SessionRefused(Text(), Text()));
            case 5:
                return (new SayInSession(1, null, "", default), new ChatAccepted(Text(), Text(), Event()));
            case 6:
                return (new DeleteSession(), new SessionDeleted(Text()));
            case 7:
                return (new WakeSession(), new SessionWoken());
            default:
                return (new AwaitAnswer("r"), new AgentAnswered(Text(), Flag() ? Event() : null));
        }
    }

    public PublishReply Reply(PublishBatch batch) => new(batch, [.. batch.Items.Select(_ => Outcome())], _random.Next(), Asker) { Refusal = Maybe(Text), IsFault = Flag() };

    public ChannelContent Content()
    {
        var position = new StreamPosition(new Epoch((ulong)_random.NextInt64(1, 1L << 40)), _random.Next(6));
        var history = Enumerable.Range(1, (int)position.Offset).Skip(_random.Next(3)).Select(offset => Event(position with { Offset = offset }, Maybe(Text))).ToList();
        var values = Many((int)position.Offset, () => Event(position with { Offset = _random.Next(1, (int)position.Offset + 1) }, Text()));
        return new ChannelContent(position, Number(), Number(), history, Many(3, () => new KnownId(Text(), Text(), Number(), Number())), values);
    }

    public Publication Event() => Event(Position(), Maybe(Text));

    public PublishItem Item()
    {
        var (data, raw) = Body();
        return new PublishItem
        {
            Event = Text(),
            Data = data,
            IdempotencyKey = Maybe(Text),
            Key = Maybe(Text),
            TtlMilliseconds = Number(),
            IfVersion = Flag() ? new ExpectedVersion(new Epoch((ulong)_random.NextInt64()), Number()) : null,
            Raw = raw,
            RawFormat = (RawFormat)_random.Next(3),
            ExcludedConnection = Number(),
            Transient = Flag(),
            IsCopy = Flag(),
        };
    }

    /// <summary>All that is in a thing, as text. What nodes do not tell each other is left out.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "null",
        string text => '"' + text + '"',
        ReadOnlyMemory<byte> bytes => Convert.ToHexString(bytes.Span),
        IFormattable plain when plain.GetType().IsPrimitive || plain is Enum => plain.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable all => '[' + string.Join(", ", all.Cast<object?>().Select(Describe)) + ']',
        Status.Failure failure => failure.Cause.Message,
        _ => value.GetType().Name + " { " + string.Join(", ", PropertiesOf(value).Select(one => one.Name + " = " + Describe(one.GetValue(value)))) + " }",
    };

    private static IEnumerable<PropertyInfo> PropertiesOf(object value) => value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(static one => one.GetIndexParameters().Length == 0 && one.Name is not ("Tag" or "ReplyTo" or "Query" or "Batch" or "RequestId" or "MessageId" or "ErrorText" or "WantsReply")
            || (one.Name == "RequestId" && one.PropertyType == typeof(string)));

    private Publication Event(StreamPosition position, string? key)
    {
        var (data, raw) = Body();
        return new Publication
        {
            Channel = Channel,
            Event = Text(),
            Data = data,
            Position = position,
            TransientNumber = position.Offset == 0 ? Number() : 0,
            TimestampMicros = Number(),
            IdempotencyKey = Maybe(Text),
            Key = key,
            ExpiresMicros = Number(),
            Raw = raw,
            RawFormat = (RawFormat)_random.Next(3),
            ExcludedConnection = Number(),
        };
    }

    private HistoryQuery Query() => new()
    {
        Resume = Flag() ? Position() : null,
        After = Flag() ? Position() : null,
        Until = Flag() ? Number() : null,
        FromMicros = Flag() ? Number() : null,
        LastPerKey = Flag(),
        Key = Maybe(Text),
        IsPage = Flag(),
        Limit = _random.Next(),
        MayBeRefused = Flag(),
        Names = Flag() ? Many(3, Text) : null,
        Page = Flag() ? new PageBounds(_random.Next(), _random.Next()) : null,
    };

    private PublishOutcome Outcome() => new(Position(), Flag()) { Error = Flag() ? Enum.GetValues<ErrorCode>()[_random.Next(Enum.GetValues<ErrorCode>().Length)] : null };

    // Data is often a part of raw, at its beginning, end or in its middle; or raw itself; or something else.
    private (ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Raw) Body()
    {
        var raw = Data();
        var start = _random.Next(raw.Length + 1);
        return _random.Next(3) == 0 ? (raw.Slice(start, _random.Next(raw.Length - start + 1)), raw) : (Data(), Flag() ? raw : default);
    }

    private ReadOnlyMemory<byte> Data()
    {
        var bytes = new byte[_random.Next(4) == 0 ? 0 : _random.Next(40)];
        _random.NextBytes(bytes);
        return bytes;
    }

    private T[] Many<T>(int most, Func<T> one) => [.. Enumerable.Range(0, _random.Next(most + 1)).Select(_ => one())];

    private string? Maybe(Func<string> text) => Flag() ? text() : null;

    private bool Flag() => _random.Next(2) == 0;

    private StreamPosition Position() => new(new Epoch((ulong)_random.NextInt64()), Flag() ? 0 : Number());

    private long Number() => _random.Next(4) switch
    {
        0 => 0,
        1 => _random.Next(200),
        2 => _random.NextInt64(long.MinValue, long.MaxValue),
        _ => _random.Next(2) == 0 ? long.MaxValue : long.MinValue,
    };

    private string Text()
    {
        var text = new StringBuilder();
        for (var left = _random.Next(8); left > 0; left--)
        {
            text.Append(_random.Next(4) switch { 0 => "é", 1 => "😀", 2 => "\0", _ => ((char)_random.Next(' ', '~')).ToString() });
        }

        return text.ToString();
    }
}
