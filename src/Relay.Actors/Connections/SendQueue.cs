using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What a queue needs of its client's dialect when it must leave events out.</summary>
internal interface IQueueWords
{
    /// <summary>A frame that tells of the gap; empty when the dialect has no words for it.</summary>
    byte[] EncodeGap(string channel, Epoch epoch, long from, long to);

    /// <summary>Now, microseconds since 1970-01-01 UTC.</summary>
    long NowMicros => 0;

    /// <summary>An event is left out; of which kind.</summary>
    void OnLeftOut(Publication publication, bool isConflated)
    {
    }
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

    // While a pass runs: the gap of each channel that the channel's next event would lengthen, if it were left out.
    private readonly Dictionary<string, LinkedListNode<Waiting>> _open = new(StringComparer.Ordinal);
    private byte[]? _begun;
    private long _begunMicros;
    private bool _isConflating;

    /// <summary>Bytes that wait, those of gaps still to be told among them.</summary>
    public long Bytes { get; private set; }

    /// <summary>Events that were left out since the beginning.</summary>
    public long Dropped { get; private set; }

    /// <summary>Those of them for which a newer one of their key stayed.</summary>
    public long Conflated { get; private set; }

    /// <summary>When the oldest was added of what is not known to be written: what waits, and what was taken last. Microseconds since 1970-01-01 UTC; 0 = there is none.</summary>
    public long SinceMicros { get; private set; }

    /// <summary>When the newest was added of what was taken last; 0 = nothing was.</summary>
    public long TakenMicros { get; private set; }

    /// <summary>The rest of a frame whose beginning the socket has: always first, never left out.</summary>
    public void AddBegun(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
        {
            _begun = rest.ToArray();
            _begunMicros = Added();
            Bytes += rest.Length;
        }
    }

    /// <summary>Frames that are never left out; copied.</summary>
    public void Add(ReadOnlySpan<byte> frames)
    {
        Bytes += frames.Length;
        var now = Added();
        if (_entries.Last?.Value is { IsTail: true } last && last.Count + frames.Length <= TailSize)
        {
            frames.CopyTo(last.Array.AsSpan(last.Count));
            last.Count += frames.Length;
            return;
        }

        var array = new byte[Math.Max(TailSize, frames.Length)];
        frames.CopyTo(array);
        _entries.AddLast(new Waiting { Array = array, Count = frames.Length, IsTail = true, Micros = now });
    }

    /// <summary>
    /// Frames <paramref name="from"/> to <paramref name="to"/> of a batch, by reference; a small part is copied, so that little that waits does not hold much
    /// memory.
    /// </summary>
    public void Add(KeptBatch batch, int from, int to, WhenSlow whenSlow)
    {
        if (from < to)
        {
            _entries.AddLast(Run(batch, from, to, whenSlow, Added()));
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
        LeaveOut(goal, static (_, publication) => !IsFinal(publication.Event));
        LeaveOut(goal, static (_, _) => true);
        return Bytes <= most;
    }

    /// <summary>Moves up to <paramref name="most"/> segments out, and no more once they have <paramref name="enough"/> bytes; returns their bytes.</summary>
    public long Take(List<ArraySegment<byte>> segments, int most, long enough = long.MaxValue)
    {
        long bytes = 0;
        SinceMicros = _begun is not null ? _begunMicros : _entries.First?.Value.Micros ?? 0;
        TakenMicros = 0;
        if (_begun is not null)
        {
            TakenMicros = _begunMicros;
            segments.Add(_begun);
            bytes += _begun.Length;
            Bytes -= _begun.Length;
            _begun = null;
        }

        while (segments.Count < most && bytes < enough && _entries.First is { } first)
        {
            _entries.RemoveFirst();
            TakenMicros = Math.Max(TakenMicros, first.Value.Micros);
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
        Bytes -= entry.Count;
        return entry.Channel is { } channel
            ? words.EncodeGap(channel, entry.Epoch, entry.GapFrom, entry.GapTo)
            : new ArraySegment<byte>(entry.Array, entry.Offset, entry.Count);
    }

    // Of each key only the newest stays, in its own place; final states are not conflated. The newest is the last that came, whatever the clocks said.
    // Events without a place in the sequence, such as typing, stand for none that have one.
    private void Conflate()
    {
        var newest = new Dictionary<(string Channel, string Key, bool IsTransient), Publication>();
        foreach (var entry in _entries)
        {
            for (var i = entry.From; entry is { Batch: not null, WhenSlow: WhenSlow.Conflate } && i < entry.To; i++)
            {
                newest[KeyOf(entry.Batch.Events[i])] = entry.Batch.Events[i];
            }
        }

        if (newest.Count > 0)
        {
            var before = Dropped;
            _isConflating = true;
            LeaveOut(-1, (whenSlow, publication) => whenSlow == WhenSlow.Conflate && !IsFinal(publication.Event) && newest[KeyOf(publication)] != publication);
            _isConflating = false;
            Conflated += Dropped - before;
        }
    }

    private static (string Channel, string Key, bool IsTransient) KeyOf(Publication publication) =>
        (publication.Channel, publication.Key ?? "", publication.IsTransient);

    // One pass from the oldest on, until no more than the goal waits.
    private void LeaveOut(long goal, Func<WhenSlow, Publication, bool> mayGo)
    {
        _open.Clear();
        for (var node = _entries.First; node is not null && Bytes > goal;)
        {
            var next = node.Next;
            if (node.Value.Channel is not null)
            {
                Join(node);
            }
            else if (node.Value.Batch is not null)
            {
                LeaveOutOf(node, goal, mayGo);
            }
            else
            {
                // An answer may begin another subscription to a channel: gaps on its two sides are two.
                _open.Clear();
            }

            node = next;
        }

        _open.Clear();
    }

    private void LeaveOutOf(LinkedListNode<Waiting> node, long goal, Func<WhenSlow, Publication, bool> mayGo)
    {
        var entry = node.Value;
        var batch = entry.Batch!;
        var keptFrom = entry.From;
        for (var i = entry.From; i < entry.To; i++)
        {
            var publication = batch.Events[i];
            if (Bytes <= goal || entry.WhenSlow == WhenSlow.Disconnect || !mayGo(entry.WhenSlow, publication))
            {
                _open.Remove(publication.Channel);
                continue;
            }

            Keep(node, keptFrom, i);
            keptFrom = i + 1;
            Bytes -= batch.Start(i + 1) - batch.Start(i);
            NoteDropped(node, publication);
        }

        if (keptFrom > entry.From)
        {
            Keep(node, keptFrom, entry.To);
            _entries.Remove(node);
        }
    }

    // What stays of an entry stands before it until it is removed itself; the bytes are counted already.
    private void Keep(LinkedListNode<Waiting> node, int from, int to)
    {
        if (from < to)
        {
            _entries.AddBefore(node, Run(node.Value.Batch!, from, to, node.Value.WhenSlow, node.Value.Micros));
        }
    }

    private static Waiting Run(KeptBatch batch, int from, int to, WhenSlow whenSlow, long micros) =>
        (batch.Start(to) - batch.Start(from)) * 2 < batch.Bytes.Length
            ? Waiting.Of(batch.Part(from, to), 0, to - from, whenSlow, micros)
            : Waiting.Of(batch, from, to, whenSlow, micros);

    private long Added()
    {
        var now = words.NowMicros;
        if (SinceMicros == 0)
        {
            SinceMicros = now;
        }

        return now;
    }

    private void NoteDropped(LinkedListNode<Waiting> before, Publication publication)
    {
        Dropped++;
        words.OnLeftOut(publication, _isConflating);
        if (publication.IsTransient)
        {
            return;
        }

        var (channel, position) = (publication.Channel, publication.Position);
        if (_open.TryGetValue(channel, out var open) && open.Value.Epoch == position.Epoch && open.Value.GapTo < position.Offset)
        {
            open.Value.GapTo = position.Offset;
            return;
        }

        var count = words.EncodeGap(channel, position.Epoch, position.Offset, position.Offset).Length;
        if (count > 0)
        {
            Bytes += count;
            _open[channel] = _entries.AddBefore(
                before, new Waiting { Channel = channel, Epoch = position.Epoch, GapFrom = position.Offset, GapTo = position.Offset, Count = count, Micros = before.Value.Micros });
        }
    }

    // A gap that follows another of its channel, with no event of the channel between them, is one with it.
    private void Join(LinkedListNode<Waiting> node)
    {
        var gap = node.Value;
        if (_open.TryGetValue(gap.Channel!, out var open) && open.Value.Epoch == gap.Epoch && open.Value.GapTo < gap.GapFrom)
        {
            open.Value.GapTo = gap.GapTo;
            Bytes -= gap.Count;
            _entries.Remove(node);
        }
        else
        {
            _open[gap.Channel!] = node;
        }
    }

    /// <summary>Something that waits: bytes, a run of a batch's frames, or a gap that is written when its turn comes.</summary>
    private sealed class Waiting
    {
        public byte[] Array { get; init; } = [];

        public int Offset { get; init; }

        public int Count { get; set; }

        public bool IsTail { get; init; }

        /// <summary>When it was added.</summary>
        public long Micros { get; init; }

        public KeptBatch? Batch { get; private init; }

        public int From { get; private init; }

        public int To { get; private init; }

        public WhenSlow WhenSlow { get; private init; }

        public string? Channel { get; init; }

        public Epoch Epoch { get; init; }

        public long GapFrom { get; init; }

        public long GapTo { get; set; }

        public static Waiting Of(KeptBatch batch, int from, int to, WhenSlow whenSlow, long micros) => new()
        {
            Array = batch.Bytes,
            Offset = batch.Start(from),
            Count = batch.Start(to) - batch.Start(from),
            Batch = batch,
            From = from,
            To = to,
            WhenSlow = whenSlow,
            Micros = micros,
        };
    }
}
