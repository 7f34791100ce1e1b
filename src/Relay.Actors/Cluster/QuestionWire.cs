using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Actors.Sessions;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// What actors of one node ask a channel or session of another, and what they are answered. The first byte of each says what it is; a number is never used for anything else again.
/// </summary>
internal static class QuestionWire
{
    private const byte Publish = 1;
    private const byte History = 2;
    private const byte Create = 3;
    private const byte Join = 4;
    private const byte Say = 5;
    private const byte Type = 6;
    private const byte Delete = 7;
    private const byte Wake = 8;
    private const byte Await = 9;
    private const byte Present = 10;
    private const byte Probing = 20;

    private const byte Published = 1;
    private const byte HistoryRead = 2;
    private const byte Joined = 3;
    private const byte Missing = 4;
    private const byte Refused = 5;
    private const byte Accepted = 6;
    private const byte Deleted = 7;
    private const byte Woken = 8;
    private const byte Answered = 9;
    private const byte Failed = 10;
    private const byte Presence = 11;
    private const byte ProbeCame = 20;

    /// <summary>False when it is nothing that goes to another node.</summary>
    public static bool TryWrite(WireWriter writer, object question)
    {
        switch (question)
        {
            case PublishBatch batch:
                writer.Byte(Publish).Text(batch.Scope).Count(batch.Items.Length);
                foreach (ref readonly var item in batch.Items.AsSpan())
                {
                    EventWire.Write(writer, item);
                }

                EventWire.WriteTraces(writer, EventWire.TracesOf(batch.Items));

                return true;
            case HistoryQuery query:
                Write(writer.Byte(History), query);
                return true;
            case CreateSession create:
                writer.Byte(Create).TextOrNull(create.UserId);
                return true;
            case JoinSession join:
                writer.Byte(Join).TextOrNull(join.UserId);
                return true;
            case SayInSession say:
                writer.Byte(Say).Number(say.ConnectionId).TextOrNull(say.UserId).Text(say.Content).Bytes(say.Data.Span);
                return true;
            case TypeInSession typing:
                writer.Byte(Type).Number(typing.ConnectionId).Bytes(typing.Data.Span);
                return true;
            case DeleteSession:
                writer.Byte(Delete);
                return true;
            case WakeSession:
                writer.Byte(Wake);
                return true;
            case AwaitAnswer awaited:
                writer.Byte(Await).Text(awaited.RequestId);
                return true;
            case PresentElsewhere:
                writer.Byte(Present);
                return true;
            case Probe:
                writer.Byte(Probing);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Whether the asker waits for an answer; the others are brought once.</summary>
    public static bool IsAnswered(object question) => question is not TypeInSession;

    public static object Read(ref WireReader reader, string channel) => reader.Byte() switch
    {
        Publish => ReadBatch(ref reader, channel),
        History => ReadQuery(ref reader),
        Create => new CreateSession(reader.TextOrNull()),
        Join => new JoinSession(reader.TextOrNull()),
        Say => new SayInSession(reader.Number(), reader.TextOrNull(), reader.Text(), reader.Bytes().ToArray()),
        Type => new TypeInSession(reader.Number(), reader.Bytes().ToArray()),
        Delete => new DeleteSession(),
        Wake => new WakeSession(),
        Await => new AwaitAnswer(reader.Text()),
        Present => new PresentElsewhere(),
        Probing => new Probe(default),
        _ => throw WireReader.Malformed(),
    };

    /// <summary>False when it is no answer.</summary>
    public static bool TryWriteAnswer(WireWriter writer, object answer)
    {
        switch (answer)
        {
            case PublishReply reply:
                EventWire.Write(writer.Byte(Published), reply);
                return true;
            case HistoryReply reply:
                writer.Byte(HistoryRead).Position(reply.Position).Flag(reply.Complete).TextOrNull(reply.Refusal).Position(reply.Start).Position(reply.Reached);
                EventWire.Write(writer, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(reply.Events));
                return true;
            case SessionJoined joined:
                Write(writer.Byte(Joined), joined);
                return true;
            case SessionMissing missing:
                writer.Byte(Missing).Text(missing.SessionId);
                return true;
            case SessionRefused refused:
                writer.Byte(Refused).Text(refused.SessionId).Text(refused.Reason);
                return true;
            case ChatAccepted accepted:
                EventWire.Write(writer.Byte(Accepted).Text(accepted.SessionId).Text(accepted.RequestId), accepted.Message);
                return true;
            case SessionDeleted deleted:
                writer.Byte(Deleted).Text(deleted.SessionId);
                return true;
            case SessionWoken:
                writer.Byte(Woken);
                return true;
            case AgentAnswered answered:
                writer.Byte(Answered).Text(answered.RequestId).Flag(answered.Answer is not null);
                if (answered.Answer is { } publication)
                {
                    EventWire.Write(writer, publication);
                }

                return true;
            case PresentElsewhereReply reply:
                PresenceWire.Write(writer.Byte(Presence).Number(reply.Count).Number(reply.Users).TextOrNull(reply.Refusal), reply.Members);
                return true;
            case Probed:
                writer.Byte(ProbeCame);
                return true;
            case Status.Failure failure:
                writer.Byte(Failed).Text(failure.Cause.Message);
                return true;
            default:
                return false;
        }
    }

    /// <param name="reader">At the answer.</param>
    /// <param name="channel">Who answers.</param>
    /// <param name="question">What was asked.</param>
    /// <param name="asker">By whom.</param>
    public static object ReadAnswer(ref WireReader reader, string channel, object question, IActorRef asker) => reader.Byte() switch
    {
        Published when question is PublishBatch batch => EventWire.ReadReply(ref reader, batch, asker),
        HistoryRead when question is HistoryQuery query => ReadHistory(ref reader, query, channel),
        Joined => ReadJoined(ref reader, channel),
        Missing => new SessionMissing(reader.Text()),
        Refused => new SessionRefused(reader.Text(), reader.Text()),
        Accepted => new ChatAccepted(reader.Text(), reader.Text(), EventWire.Read(ref reader, channel)),
        Deleted => new SessionDeleted(reader.Text()),
        Woken => new SessionWoken(),
        Answered => new AgentAnswered(reader.Text(), reader.Flag() ? EventWire.Read(ref reader, channel) : null),
        Presence when question is PresentElsewhere query => ReadPresent(ref reader, query),
        ProbeCame when question is Probe probe => new Probed(probe.Node),
        Failed => new Status.Failure(new InvalidOperationException(reader.Text())),
        _ => throw WireReader.Malformed(),
    };

    private static PublishBatch ReadBatch(ref WireReader reader, string channel)
    {
        var scope = reader.Text();

        // Items are far larger here than the least they take on the way: a forged number must not allocate them all.
        var count = reader.CountOf(9);
        var items = new List<PublishItem>(Math.Min(count, 1000));
        for (; items.Count < count;)
        {
            items.Add(EventWire.ReadItem(ref reader));
        }

        EventWire.ReadTraces(ref reader, items.Count, (index, trace) => items[index] = items[index] with { Trace = trace });

        return new PublishBatch { Channel = channel, Items = [.. items], Scope = scope, WantsReply = true };
    }

    private static void Write(WireWriter writer, HistoryQuery query)
    {
        writer.PositionOrNull(query.Resume).PositionOrNull(query.After);
        NumberOrNull(writer, query.Until);
        NumberOrNull(writer, query.FromMicros);
        writer.Flag(query.LastPerKey).TextOrNull(query.Key).Flag(query.IsPage).Number(query.Limit).Flag(query.MayBeRefused).Flag(query.Names is not null);
        if (query.Names is { } names)
        {
            writer.Count(names.Count);
            foreach (var name in names)
            {
                writer.Text(name);
            }
        }

        writer.Flag(query.Page is not null);
        if (query.Page is { } page)
        {
            writer.Number(page.Events).Number(page.Bytes);
        }
    }

    private static HistoryQuery ReadQuery(ref WireReader reader)
    {
        var (resume, after, until, from) = (reader.PositionOrNull(), reader.PositionOrNull(), ReadNumberOrNull(ref reader), ReadNumberOrNull(ref reader));
        var (lastPerKey, key, isPage, limit, mayBeRefused) = (reader.Flag(), reader.TextOrNull(), reader.Flag(), reader.Size(), reader.Flag());
        string[]? names = null;
        if (reader.Flag())
        {
            names = new string[reader.CountOf(1)];
            for (var i = 0; i < names.Length; i++)
            {
                names[i] = reader.Text();
            }
        }

        PageBounds? page = reader.Flag() ? new PageBounds(reader.Size(), reader.Size()) : null;
        return new HistoryQuery
        {
            Resume = resume, After = after, Until = until, FromMicros = from, LastPerKey = lastPerKey, Key = key, IsPage = isPage, Limit = limit, MayBeRefused = mayBeRefused, Names = names, Page = page,
        };
    }

    private static HistoryReply ReadHistory(ref WireReader reader, HistoryQuery query, string channel)
    {
        var (position, complete, refusal, start, reached) = (reader.Position(), reader.Flag(), reader.TextOrNull(), reader.Position(), reader.Position());
        return new HistoryReply(query, position, complete, [.. EventWire.ReadAll(ref reader, channel)]) { Refusal = refusal, Start = start, Reached = reached };
    }

    private static void Write(WireWriter writer, SessionJoined joined)
    {
        var summary = joined.Summary;
        writer.Text(summary.SessionId).Text(summary.Status).Number(summary.MessageCount).Number(summary.CreatedMicros).Number(summary.LastActivityMicros).Position(joined.Position);
        EventWire.Write(writer, joined.Messages.ToArray());
        EventWire.Write(writer, joined.Endings.ToArray());
    }

    private static SessionJoined ReadJoined(ref WireReader reader, string channel)
    {
        var summary = new SessionSummary(reader.Text(), reader.Text(), reader.Size(), reader.Number(), reader.Number());
        var position = reader.Position();
        var messages = EventWire.ReadAll(ref reader, channel);
        return new SessionJoined(summary, messages, position) { Endings = EventWire.ReadAll(ref reader, channel) };
    }

    private static PresentElsewhereReply ReadPresent(ref WireReader reader, PresentElsewhere query)
    {
        var (count, users, refusal) = ((int)reader.Number(), (int)reader.Number(), reader.TextOrNull());
        return new PresentElsewhereReply(query, PresenceWire.ReadMembers(ref reader), count, users) { Refusal = refusal };
    }

    private static void NumberOrNull(WireWriter writer, long? number)
    {
        writer.Flag(number is not null);
        if (number is { } known)
        {
            writer.Number(known);
        }
    }

    private static long? ReadNumberOrNull(ref WireReader reader) => reader.Flag() ? reader.Number() : null;
}
