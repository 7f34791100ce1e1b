using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What a queue needs of its client's dialect when it must leave events out.</summary>
internal interface IQueueWords
{
    /// <summary>Frames for these events.</summary>
    KeptBatch Encode(Publication[] events);

    /// <summary>A frame that tells of the gap; empty when the dialect has no words for it.</summary>
    byte[] EncodeGap(string channel, Epoch epoch, long from, long to);
}

/// <summary>
/// The frames that wait for one client, in order. Answers and control frames are never left out; events may be, by the policy of their namespace
/// (guarantees.md 8). Plain data without lock and I/O: <see cref="Outbound"/> owns it, under its lock.
/// </summary>
internal sealed class SendQueue(IQueueWords words)
{
    /// <summary>Small frames that wait (acks, pongs) share arrays of this size: an entry each would cost more than their bytes.</summary>
    private const int TailSize = 4096;

    private readonly LinkedList<Waiting> _entries = [];
    private readonly Dictionary<string, LinkedListNode<Waiting>> _gaps = new(StringComparer.Ordinal);
    private byte[]? _begun;

    /// <summary>Bytes that wait. A gap counts once it is written.</summary>
    public long Bytes { get; private set; }

    /// <summary>Events that were left out since the beginning.</summary>
    public long Dropped { get; private set; }

    /// <summary>The rest of a frame whose beginning the socket has: always first, never left out.</summary>
    public void AddBegun(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
        {
            _begun = rest.ToArray();
            Bytes += rest.Length;
        }
    }

    /// <summary>Frames that are never left out; copied.</summary>
    public void Add(ReadOnlySpan<byte> frames)
    {
        Bytes += frames.Length;
        if (_entries.Last?.Value is { IsTail: true } last && last.Count + frames.Length <= TailSize)
        {
            frames.CopyTo(last.Array.AsSpan(last.Count));
            last.Count += frames.Length;
            return;
        }

        var array = new byte[Math.Max(TailSize, frames.Length)];
        frames.CopyTo(array);
        _entries.AddLast(new Waiting { Array = array, Count = frames.Length, IsTail = true });
    }

    /// <summary>Frames <paramref name="from"/> to <paramref name="to"/> of a batch, by reference.</summary>
    public void Add(KeptBatch batch, int from, int to, WhenSlow whenSlow)
    {
        if (from < to)
        {
            _entries.AddLast(Waiting.Of(batch, from, to, whenSlow));
            Bytes += batch.Start(to) - batch.Start(from);
        }
    }

    /// <summary>
    /// Applies the policies until at most <paramref name="most"/> bytes wait; with room to spare, so that not every next event does it again. False when
    /// what may be left out does not suffice.
    /// </summary>
    public bool TryMakeRoom(long most)
    {
        var goal = most - (most / 4);
        Conflate();
        if (Bytes > goal)
        {
            Drop(goal, finalToo: false);
        }

        if (Bytes > goal)
        {
            Drop(goal, finalToo: true);
        }

        return Bytes <= most;
    }

    /// <summary>Moves up to <paramref name="most"/> segments out; returns their bytes.</summary>
    public long Take(List<ArraySegment<byte>> segments, int most)
    {
        long bytes = 0;
        if (_begun is not null)
        {
            segments.Add(_begun);
            bytes += _begun.Length;
            Bytes -= _begun.Length;
            _begun = null;
        }

        while (segments.Count < most && _entries.First is { } first)
        {
            _entries.RemoveFirst();
            var segment = Write(first.Value);
            if (segment.Count > 0)
            {
                segments.Add(segment);
                bytes += segment.Count;
            }
        }

        return bytes;
    }

    /// <summary>Forgets everything but the rest of a frame that has begun.</summary>
    public void Clear()
    {
        _entries.Clear();
        _gaps.Clear();
        Bytes = _begun?.Length ?? 0;
    }

    /// <summary>Events that say how something ended are kept longest.</summary>
    internal static bool IsFinal(string name) =>
        name.EndsWith(".completed", StringComparison.Ordinal)
        || name.EndsWith(".failed", StringComparison.Ordinal)
        || name.EndsWith(".error", StringComparison.Ordinal)
        || name is "error" or "agent_response" or "agent_error" or "task_deleted" or "project_deleted" or "session.end" or "agent.disconnected";

    private ArraySegment<byte> Write(Waiting entry)
    {
        if (entry.Channel is { } channel)
        {
            _gaps.Remove(channel);
            return words.EncodeGap(channel, entry.Epoch, entry.GapFrom, entry.GapTo);
        }

        Bytes -= entry.Count;
        return new ArraySegment<byte>(entry.Array, entry.Offset, entry.Count);
    }

    // The newest of each key keeps its own place; final states are not conflated. Walked backwards, so that the first of a key is its newest
    // whatever the clocks said.
    private void Conflate()
    {
        var seen = new HashSet<(string Channel, string Key)>();
        for (var node = _entries.Last; node is not null;)
        {
            var previous = node.Previous;
            if (node.Value is { Batch: not null, WhenSlow: WhenSlow.Conflate })
            {
                ConflateEntry(node, seen);
            }

            node = previous;
        }
    }

    private void ConflateEntry(LinkedListNode<Waiting> node, HashSet<(string Channel, string Key)> seen)
    {
        var entry = node.Value;
        var batch = entry.Batch!;
        var kept = new List<Publication>();
        var left = new List<Publication>();
        for (var i = entry.To - 1; i >= entry.From; i--)
        {
            var publication = batch.Events[i];
            var stays = seen.Add((publication.Channel, publication.Key ?? "")) || IsFinal(publication.Event);
            (stays ? kept : left).Add(publication);
        }

        if (left.Count == 0)
        {
            return;
        }

        left.Reverse();
        foreach (var publication in left)
        {
            NoteDropped(node, publication);
        }

        if (kept.Count > 0)
        {
            kept.Reverse();
            var entryKept = Waiting.Of(words.Encode([.. kept]), 0, kept.Count, WhenSlow.Conflate);
            _entries.AddBefore(node, entryKept);
            Bytes += entryKept.Count;
        }

        Bytes -= entry.Count;
        _entries.Remove(node);
    }

    private void Drop(long goal, bool finalToo)
    {
        for (var node = _entries.First; node is not null && Bytes > goal;)
        {
            var next = node.Next;
            if (node.Value is { Batch: not null, WhenSlow: not WhenSlow.Disconnect })
            {
                DropFrom(node, goal, finalToo);
            }

            node = next;
        }
    }

    private void DropFrom(LinkedListNode<Waiting> node, long goal, bool finalToo)
    {
        var entry = node.Value;
        var batch = entry.Batch!;
        var keptFrom = entry.From;
        var i = entry.From;
        for (; i < entry.To && Bytes > goal; i++)
        {
            if (!finalToo && IsFinal(batch.Events[i].Event))
            {
                continue;
            }

            KeepRange(node, keptFrom, i);
            keptFrom = i + 1;
            Bytes -= batch.Start(i + 1) - batch.Start(i);
            NoteDropped(node, batch.Events[i]);
        }

        KeepRange(node, keptFrom, entry.To);
        _entries.Remove(node);
    }

    // What stays of an entry stands before it until it is removed itself; the bytes are counted already.
    private void KeepRange(LinkedListNode<Waiting> node, int from, int to)
    {
        if (from < to)
        {
            _entries.AddBefore(node, Waiting.Of(node.Value.Batch!, from, to, node.Value.WhenSlow));
        }
    }

    private void NoteDropped(LinkedListNode<Waiting> before, Publication publication)
    {
        Dropped++;
        if (publication.IsTransient)
        {
            return;
        }

        var offset = publication.Position.Offset;
        if (!_gaps.TryGetValue(publication.Channel, out var node) || node.Value.Epoch != publication.Position.Epoch)
        {
            var gap = new Waiting { Channel = publication.Channel, Epoch = publication.Position.Epoch, GapFrom = offset, GapTo = offset };
            _gaps[publication.Channel] = _entries.AddBefore(before, gap);
            return;
        }

        node.Value.GapTo = Math.Max(node.Value.GapTo, offset);
        if (offset < node.Value.GapFrom)
        {
            // Told where the first missing event would have been.
            node.Value.GapFrom = offset;
            _entries.Remove(node);
            _entries.AddBefore(before, node);
        }
    }

    /// <summary>Something that waits: bytes, a run of a batch's frames, or a gap that is written when its turn comes.</summary>
    private sealed class Waiting
    {
        public byte[] Array { get; init; } = [];

        public int Offset { get; init; }

        public int Count { get; set; }

        public bool IsTail { get; init; }

        public KeptBatch? Batch { get; private init; }

        public int From { get; private init; }

        public int To { get; private init; }

        public WhenSlow WhenSlow { get; private init; }

        public string? Channel { get; init; }

        public Epoch Epoch { get; init; }

        public long GapFrom { get; set; }

        public long GapTo { get; set; }

        public static Waiting Of(KeptBatch batch, int from, int to, WhenSlow whenSlow) => new()
        {
            Array = batch.Bytes,
            Offset = batch.Start(from),
            Count = batch.Start(to) - batch.Start(from),
            Batch = batch,
            From = from,
            To = to,
            WhenSlow = whenSlow,
        };
    }
}
