using System.Globalization;
using System.Text;

namespace Relay.Actors.Bridges;

/// <summary>
/// What this node does with messages that every node of a cluster hears (Redis Pub/Sub, NOTIFY): it brings those to their channels that it serves, and keeps the others for a while, so that it
/// can bring what a former owner of their channels may not have brought. One for each source; thread-safe; without clock and I/O.
/// </summary>
/// <remarks>
/// <para>
/// Such messages need no id, so they get one here: all nodes hear the same marks, which they publish themselves, at the same places of the same feed, and number what follows a mark.
/// So a message that two nodes bring, because its channel has moved meanwhile, is known to the channel the second time; and since each of them brings all it knows in the
/// order of the feed, the order stays, whoever comes first. Where the channel's memory is gone as well (the owner of a channel in memory died) nothing is known any more: for that
/// case a mark says up to which earlier mark its node has brought everything, and nothing before that is brought again.
/// </para>
/// <para>Between the beginning of a subscription and its first mark messages have no id. They are brought if their channel is served here, and not kept.</para>
/// </remarks>
public sealed class SharedFeed(IServedShards shards, ulong run)
{
    /// <summary>How long messages for channels of other nodes are kept: longer than it takes until the shards of a dead node are served again.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(10);

    /// <summary>How often a node says its mark. What may come twice after a crash is what came in such a time.</summary>
    public static readonly TimeSpan MarkInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Bytes of messages that are kept; the oldest go first.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    // What a kept message takes besides its bytes, and the marks that can still be named: those of 10 s, of 100 nodes.
    private const int Overhead = 300;
    private const int MaxMarks = 4096;

    private readonly Lock _gate = new();
    private readonly string _run = run.ToString("x", CultureInfo.InvariantCulture);
    private readonly Queue<Kept> _kept = new();
    private readonly Queue<(string Mark, long Position)> _marks = new();
    private readonly List<Sent> _sent = [];

    // By shard: the fence under which what was kept for it has been taken up, and how far all is known to be brought by whoever served it.
    private readonly long[] _served = new long[shards.Count];
    private readonly long[] _brought = new long[shards.Count];
    private string? _mark;
    private int _sinceMark;
    private long _position;
    private long _lastMark;
    private long _bytes;
    private long _seen = -1;
    private long _lastSent;

    // The first of the messages to be brought since the last call of Begin.
    private long _open = long.MaxValue;

    /// <summary>Kept messages.</summary>
    public int CountKept
    {
        get
        {
            lock (_gate)
            {
                return _kept.Count;
            }
        }
    }

    /// <summary>Something may be missed from now on, until the next mark.</summary>
    public void Interrupted()
    {
        lock (_gate)
        {
            _mark = null;
        }
    }

    /// <summary>A message, in its order.</summary>
    /// <param name="item">Null when it cannot be read: it counts all the same, since other nodes count it.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="now">Of a monotonic clock.</param>
    /// <param name="bring">What is to be brought to the channels now is added.</param>
    public void Hear(BridgeItem? item, int bytes, TimeSpan now, List<BridgeItem> bring)
    {
        lock (_gate)
        {
            TakeUp(now, bring);
            _position++;
            var key = _mark is null ? null : $"~{_mark}.{(_sinceMark++).ToString("x", CultureInfo.InvariantCulture)}";
            if (item is not null)
            {
                Route(key is null || item.Item.IdempotencyKey is not null ? item : item with { Item = item.Item with { IdempotencyKey = key } }, bytes, now, bring);
            }
        }
    }

    /// <summary>A mark of a node, this one's included; what is none changes nothing.</summary>
    /// <inheritdoc cref="Hear"/>
    public void Mark(ReadOnlySpan<byte> text, TimeSpan now, List<BridgeItem> bring)
    {
        lock (_gate)
        {
            TakeUp(now, bring);
            var parts = Encoding.UTF8.GetString(text).Split(' ');
            if (parts is not ["1", var owner, var number, var brought, var served])
            {
                return;
            }

            _position++;
            _mark = owner + "." + number;
            _sinceMark = 0;
            _marks.Enqueue((_mark, _position));
            while (_marks.Count > MaxMarks)
            {
                _marks.Dequeue();
            }

            if (PositionOf(brought) is var position and > 0)
            {
                Brought(served, position);
            }

            Forget(now);
        }
    }

    /// <summary>What was added last is on its way to the channels; a number for <see cref="Settled"/>.</summary>
    public long Begin()
    {
        lock (_gate)
        {
            _sent.Add(new Sent(++_lastSent, _open));
            _open = long.MaxValue;
            return _lastSent;
        }
    }

    /// <summary>The channels have answered, or not in time.</summary>
    public void Settled(long number, bool accepted, TimeSpan now)
    {
        lock (_gate)
        {
            if (accepted)
            {
                _sent.RemoveAll(sent => sent.Number == number);
            }
            else
            {
                // It is not brought again here, but whoever takes the channel over may do so.
                _sent.Find(sent => sent.Number == number)?.FailedAt = now;
            }
        }
    }

    /// <summary>What this node is to say now.</summary>
    public byte[] NextMark(TimeSpan now)
    {
        lock (_gate)
        {
            _sent.RemoveAll(sent => now - sent.FailedAt > KeptFor);
            var open = Math.Min(_open, _sent.Count == 0 ? long.MaxValue : _sent.Min(static sent => sent.Position));
            var mark = _marks.LastOrDefault(mark => mark.Position < open).Mark ?? "-";
            return Encoding.UTF8.GetBytes($"1 {_run} {(++_lastMark).ToString("x", CultureInfo.InvariantCulture)} {mark} {Served()}");
        }
    }

    private void Route(BridgeItem item, int bytes, TimeSpan now, List<BridgeItem> bring)
    {
        List<string>? own = null;
        List<string>? others = null;
        foreach (var channel in item.Channels)
        {
            (IsServed(channel) ? own ??= [] : others ??= []).Add(channel);
        }

        if (own is not null)
        {
            Bring(PartOf(item, own), _position, bring);
        }

        if (others is not null && item.Item.IdempotencyKey is not null)
        {
            _kept.Enqueue(new Kept(_position, now, bytes + Overhead, PartOf(item, others)));
            _bytes += bytes + Overhead;
            Forget(now);
        }
    }

    private void Bring(BridgeItem item, long position, List<BridgeItem> bring)
    {
        _open = Math.Min(_open, position);
        bring.Add(item);
    }

    // Shards have come to this node: what was kept for them goes first.
    private void TakeUp(TimeSpan now, List<BridgeItem> bring)
    {
        var version = shards.Version;
        if (version == _seen)
        {
            return;
        }

        _seen = version;
        for (var shard = 0; shard < _served.Length; shard++)
        {
            _served[shard] = shards.FenceOf(shard);
        }

        Forget(now);
        for (var left = _kept.Count; left > 0; left--)
        {
            var kept = _kept.Dequeue();
            _bytes -= kept.Bytes;
            var own = kept.Item.Channels.Where(IsServed).ToList();
            var others = kept.Item.Channels.Except(own, StringComparer.Ordinal).ToList();
            own.RemoveAll(channel => kept.Position <= _brought[shards.ShardOf(channel)]);
            if (own.Count > 0)
            {
                Bring(PartOf(kept.Item, own), kept.Position, bring);
            }

            if (others.Count > 0)
            {
                _kept.Enqueue(kept with { Item = PartOf(kept.Item, others) });
                _bytes += kept.Bytes;
            }
        }
    }

    // Also as long as the shard goes to another node: the way to a channel leads to its owner.
    private bool IsServed(string channel) => shards.FenceOf(shards.ShardOf(channel)) != 0;

    private void Forget(TimeSpan now)
    {
        while (_kept.TryPeek(out var oldest) && (now - oldest.At > KeptFor || _bytes > MaxBytes))
        {
            _bytes -= _kept.Dequeue().Bytes;
        }
    }

    // As hexadecimal digits, four shards each. Where something was kept meanwhile the shard does not count.
    private string Served()
    {
        var digits = new int[(_served.Length + 3) / 4];
        for (var shard = 0; shard < _served.Length; shard++)
        {
            digits[shard / 4] |= _served[shard] != 0 && shards.FenceOf(shard) == _served[shard] ? 1 << (shard % 4) : 0;
        }

        return string.Concat(digits.Select(static digit => digit.ToString("x", CultureInfo.InvariantCulture)));
    }

    private void Brought(string served, long position)
    {
        for (var shard = 0; shard < Math.Min(_brought.Length, served.Length * 4); shard++)
        {
            if (char.IsAsciiHexDigit(served[shard / 4]) && (Convert.ToInt32(served[shard / 4].ToString(), 16) & (1 << (shard % 4))) != 0)
            {
                _brought[shard] = Math.Max(_brought[shard], position);
            }
        }
    }

    // 0 = before everything that is known here.
    private long PositionOf(string mark) => _marks.LastOrDefault(known => known.Mark == mark).Position;

    // The first channel's event is the one that is counted.
    private static BridgeItem PartOf(BridgeItem item, List<string> channels) => channels.Count == item.Channels.Count
        ? item
        : new BridgeItem(channels, string.Equals(channels[0], item.Channels[0], StringComparison.Ordinal) ? item.Item : item.Item with { IsCopy = true });

    private readonly record struct Kept(long Position, TimeSpan At, int Bytes, BridgeItem Item);

    private sealed record Sent(long Number, long Position)
    {
        public TimeSpan? FailedAt { get; set; }
    }
}

/// <summary>A feed that the nodes of a cluster share, and where they say their marks.</summary>
/// <param name="Feed">For one source alone.</param>
/// <param name="Marks">A channel of the feed's server, the same on every node.</param>
public sealed record FeedSharing(SharedFeed Feed, string Marks);
