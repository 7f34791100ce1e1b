using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>Events, publishes and their outcomes between nodes. The channel is written once, with whatever carries them.</summary>
internal static class EventWire
{
    public static void Write(WireWriter writer, Publication publication)
    {
        writer.Text(publication.Event).Position(publication.Position).Number(publication.TransientNumber).Number(publication.TimestampMicros)
            .TextOrNull(publication.IdempotencyKey).TextOrNull(publication.Key).Number(publication.ExpiresMicros).Number(publication.ExcludedConnection);
        WriteBody(writer, publication.Data, publication.Raw, publication.RawFormat);
    }

    public static Publication Read(ref WireReader reader, string channel)
    {
        var name = EventName.Intern(reader.Bytes());
        var (position, transient, timestamp) = (reader.Position(), reader.Number(), reader.Number());
        var (id, key, expires, excluded) = (reader.TextOrNull(), reader.TextOrNull(), reader.Number(), reader.Number());
        var (data, raw, format) = ReadBody(ref reader);
        return new Publication
        {
            Channel = channel,
            Event = name,
            Position = position,
            TransientNumber = transient,
            TimestampMicros = timestamp,
            IdempotencyKey = id,
            Key = key,
            ExpiresMicros = expires,
            ExcludedConnection = excluded,
            Data = data,
            Raw = raw,
            RawFormat = format,
        };
    }

    public static void Write(WireWriter writer, ReadOnlySpan<Publication> publications)
    {
        writer.Count(publications.Length);
        foreach (var publication in publications)
        {
            Write(writer, publication);
        }
    }

    public static Publication[] ReadAll(ref WireReader reader, string channel)
    {
        var publications = new Publication[reader.CountOf(18)];
        for (var i = 0; i < publications.Length; i++)
        {
            publications[i] = Read(ref reader, channel);
        }

        return publications;
    }

    /// <summary>Without the request's id, which its node knows.</summary>
    public static void Write(WireWriter writer, in PublishItem item)
    {
        writer.Text(item.Event).TextOrNull(item.IdempotencyKey).TextOrNull(item.Key).Number(item.TtlMilliseconds).Number(item.ExcludedConnection)
            .Byte((byte)((item.Transient ? 1 : 0) | (item.IsCopy ? 2 : 0) | (item.IfVersion is null ? 0 : 4)));
        if (item.IfVersion is { } version)
        {
            writer.Position(new StreamPosition(version.Epoch, version.Offset));
        }

        WriteBody(writer, item.Data, item.Raw, item.RawFormat);
    }

    public static PublishItem ReadItem(ref WireReader reader)
    {
        var name = EventName.Intern(reader.Bytes());
        var (id, key, ttl, excluded, flags) = (reader.TextOrNull(), reader.TextOrNull(), reader.Number(), reader.Number(), reader.Byte());
        ExpectedVersion? version = (flags & 4) != 0 && reader.Position() is var expected ? new ExpectedVersion(expected.Epoch, expected.Offset) : null;
        var (data, raw, format) = ReadBody(ref reader);
        return new PublishItem
        {
            Event = name,
            IdempotencyKey = id,
            Key = key,
            TtlMilliseconds = ttl,
            ExcludedConnection = excluded,
            Transient = (flags & 1) != 0,
            IsCopy = (flags & 2) != 0,
            IfVersion = version,
            Data = data,
            Raw = raw,
            RawFormat = format,
        };
    }

    /// <summary>
    /// The traces of events, behind everything else of a message and only where there are any: nodes that do not know of them leave unread what follows.
    /// </summary>
    public static void WriteTraces(WireWriter writer, List<(int Index, TraceParent Trace)>? traces)
    {
        if (traces is null)
        {
            return;
        }

        writer.Count(traces.Count);
        Span<byte> bytes = stackalloc byte[TraceParent.Bytes];
        foreach (var (index, trace) in traces)
        {
            trace.CopyTo(bytes);
            writer.Count(index).Bytes(bytes);
        }
    }

    /// <summary>The traces among events; null when there are none.</summary>
    public static List<(int Index, TraceParent Trace)>? TracesOf(ReadOnlySpan<Publication> publications)
    {
        List<(int, TraceParent)>? traces = null;
        for (var i = 0; i < publications.Length; i++)
        {
            if (publications[i].Trace is { } trace)
            {
                (traces ??= []).Add((i, trace));
            }
        }

        return traces;
    }

    /// <summary>The traces among publishes; null when there are none.</summary>
    public static List<(int Index, TraceParent Trace)>? TracesOf(ReadOnlySpan<PublishItem> items)
    {
        List<(int, TraceParent)>? traces = null;
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i].Trace is { } trace)
            {
                (traces ??= []).Add((i, trace));
            }
        }

        return traces;
    }

    /// <summary>Gives each event the trace that came with it; none where a node wrote that does not know of them.</summary>
    public static void ReadTraces(ref WireReader reader, int events, Action<int, TraceParent> set)
    {
        if (reader.IsAtEnd)
        {
            return;
        }

        for (var left = reader.CountOf(TraceParent.Bytes); left > 0; left--)
        {
            var index = reader.Count();
            if (index >= events || TraceParent.FromBytes(reader.Bytes()) is not { } trace)
            {
                throw WireReader.Malformed();
            }

            set(index, trace);
        }
    }

    public static void Write(WireWriter writer, PublishReply reply)
    {
        writer.Number(reply.Subscribers).TextOrNull(reply.Refusal).Flag(reply.IsFault).Count(reply.Outcomes.Length);
        foreach (ref readonly var outcome in reply.Outcomes.AsSpan())
        {
            writer.Position(outcome.Position).Flag(outcome.Duplicate).Byte(outcome.Error is { } error ? (byte)((int)error + 1) : (byte)0);
        }
    }

    /// <param name="reader">At the reply.</param>
    /// <param name="batch">What it answers; null when nobody knows any more.</param>
    /// <param name="replyTo">Who published.</param>
    public static PublishReply ReadReply(ref WireReader reader, PublishBatch? batch, Kernel.IActorRef replyTo)
    {
        var (subscribers, refusal, isFault) = (reader.Size(), reader.TextOrNull(), reader.Flag());
        var outcomes = new PublishOutcome[reader.CountOf(11)];
        for (var i = 0; i < outcomes.Length; i++)
        {
            var (position, duplicate, error) = (reader.Position(), reader.Flag(), reader.Byte());
            outcomes[i] = new PublishOutcome(position, duplicate) { Error = error == 0 ? null : Known((ErrorCode)(error - 1)) };
        }

        if (batch is not null && outcomes.Length != batch.Items.Length)
        {
            throw WireReader.Malformed();
        }

        return new PublishReply(batch!, outcomes, subscribers, replyTo) { Refusal = refusal, IsFault = isFault };
    }

    // data is often a part of raw: then only where it begins.
    private static void WriteBody(WireWriter writer, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte> raw, RawFormat format)
    {
        var isPart = raw.Span.Overlaps(data.Span, out var start) && start >= 0 && start + data.Length <= raw.Length;
        writer.Byte((byte)((int)format | (isPart ? 0x80 : 0))).Bytes(raw.Span);
        if (isPart)
        {
            writer.Count(start).Count(data.Length);
        }
        else
        {
            writer.Bytes(data.Span);
        }
    }

    private static (ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Raw, RawFormat Format) ReadBody(ref WireReader reader)
    {
        var head = reader.Byte();
        var format = Known((RawFormat)(head & 0x7f));
        ReadOnlyMemory<byte> raw = reader.Bytes().ToArray();
        if ((head & 0x80) == 0)
        {
            return (reader.Bytes().ToArray(), raw, format);
        }

        var (start, length) = (reader.Count(), reader.Count());
        return start <= raw.Length && length <= raw.Length - start ? (raw.Slice(start, length), raw, format) : throw WireReader.Malformed();
    }

    private static T Known<T>(T value)
        where T : struct, Enum => Enum.IsDefined(value) ? value : throw WireReader.Malformed();
}
