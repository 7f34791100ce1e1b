using Relay.Cluster.Engine;

namespace Relay.Cluster.TestKit;

/// <summary>
/// The store of a cluster in memory, each call one atomic step, exactly as <see cref="IClusterEngine"/> describes it; with the ways in which a real one fails. Used by one thread at a time.
/// </summary>
public sealed class SimulatedStore
{
    private Dictionary<NodeId, Member> _members = [];
    private Dictionary<int, Row> _rows = [];
    private long _version = 1;
    private long _lastFence;
    private int _epochs = 1;

    private sealed record Row(NodeId? Owner, long Fence, NodeId? PreviousOwner, long PreviousFence);

    /// <summary>What a replica has, or a snapshot on disk.</summary>
    public sealed class Copy
    {
        private readonly Action _goBack;

        internal Copy(Action goBack) => _goBack = goBack;

        internal void GoBack() => _goBack();
    }

    /// <summary>The store's clock, microseconds since 1970. May jump.</summary>
    public long Clock { get; set; } = 1_700_000_000_000_000;

    /// <summary>Negative control: another server takes over and nobody hears of it.</summary>
    public bool HidesFailover { get; init; }

    /// <summary>Negative control: members are removed whatever their last beat was.</summary>
    public bool BelievesInSilence { get; init; }

    public string Epoch { get; private set; } = "epoch-1";

    public long Version => _version;

    public NodeId? Owner(int shard) => _rows.GetValueOrDefault(shard)?.Owner;

    public bool IsMember(NodeId node) => _members.ContainsKey(node);

    public HeartbeatAnswer Heartbeat(Heartbeat beat)
    {
        var isEpoch = beat.Epoch == Epoch;
        _lastFence = Math.Max(_lastFence, beat.HighestFence);
        var known = _members.GetValueOrDefault(beat.Node);
        if (known is null || known.Beat < beat.Beat)
        {
            _members[beat.Node] = new Member(beat.Node, beat.Beat, beat.State, beat.ProgramVersion, beat.Address, beat.Load);
            if (known?.State != beat.State)
            {
                _version++;
            }

            if (isEpoch)
            {
                RemoveSilent(beat.Silent);
            }
        }

        return new HeartbeatAnswer
        {
            Epoch = Epoch,
            Version = _version,
            Members = [.. _members.Values],
            LostLeases = [.. beat.Leases.Where(lease => !isEpoch || !Holds(beat.Node, lease)).Select(static lease => lease.Shard)],
            Table = isEpoch && beat.KnownVersion == _version ? null : [.. _rows.Select(static row => new ShardEntry(row.Key, row.Value.Owner, row.Value.Fence))],
        };
    }

    public ClaimAnswer Claim(NodeId node, string epoch, IReadOnlyList<int> shards)
    {
        var claimed = new List<ClaimedShard>();
        if (epoch == Epoch && _members.ContainsKey(node))
        {
            foreach (var shard in shards)
            {
                var row = _rows.GetValueOrDefault(shard);
                if (row?.Owner is null || row.Owner == node)
                {
                    claimed.Add(new ClaimedShard(shard, Give(shard, node), row?.Fence ?? 0));
                }
            }
        }

        return new ClaimAnswer(Epoch, claimed);
    }

    public HandOverAnswer HandOver(NodeId from, NodeId to, string epoch, int shard, long fence)
    {
        if (epoch != Epoch || !_rows.TryGetValue(shard, out var row))
        {
            return new HandOverAnswer(HandOverOutcome.NotOwner, 0);
        }

        if (row.Owner == to && row.PreviousOwner == from && row.PreviousFence == fence)
        {
            return new HandOverAnswer(HandOverOutcome.Done, row.Fence);
        }

        if (row.Owner != from || row.Fence != fence)
        {
            return new HandOverAnswer(HandOverOutcome.NotOwner, 0);
        }

        return _members.GetValueOrDefault(to)?.State == MemberState.Up
            ? new HandOverAnswer(HandOverOutcome.Done, Give(shard, to))
            : new HandOverAnswer(HandOverOutcome.TargetGone, 0);
    }

    public void Release(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards)
    {
        foreach (var lease in shards)
        {
            if (epoch == Epoch && Holds(node, lease))
            {
                Free(lease.Shard);
            }
        }
    }

    public void Leave(NodeId node)
    {
        if (_members.Remove(node))
        {
            FreeAllOf(node);
        }
    }

    /// <summary>FLUSHALL.</summary>
    public void Forget()
    {
        _members = [];
        _rows = [];
        _version = 1;
        _lastFence = 0;
        Epoch = $"epoch-{++_epochs}";
    }

    public Copy Snapshot()
    {
        var (members, rows) = (new Dictionary<NodeId, Member>(_members), new Dictionary<int, Row>(_rows));
        var (version, lastFence) = (_version, _lastFence);
        return new Copy(() =>
        {
            (_members, _rows) = (new(members), new(rows));
            (_version, _lastFence) = (version, lastFence);
        });
    }

    /// <summary>Goes on with what a replica or a snapshot had: what was done since never happened.</summary>
    public void GoBackTo(Copy copy)
    {
        copy.GoBack();
        if (!HidesFailover)
        {
            Epoch = $"epoch-{++_epochs}";
        }
    }

    private bool Holds(NodeId node, OwnedShard lease) =>
        _rows.TryGetValue(lease.Shard, out var row) && row.Owner == node && row.Fence == lease.Fence;

    private void RemoveSilent(IReadOnlyList<SilentMember> silent)
    {
        foreach (var (node, beat) in silent)
        {
            if (_members.TryGetValue(node, out var member) && (BelievesInSilence || member.Beat == beat))
            {
                _members.Remove(node);
                FreeAllOf(node);
            }
        }
    }

    private void FreeAllOf(NodeId node)
    {
        _version++;
        foreach (var shard in _rows.Where(row => row.Value.Owner == node).Select(static row => row.Key).ToArray())
        {
            Free(shard);
        }
    }

    private void Free(int shard)
    {
        _rows[shard] = _rows[shard] with { Owner = null };
        _version++;
    }

    private long Give(int shard, NodeId node)
    {
        var row = _rows.GetValueOrDefault(shard);
        _lastFence = Math.Max(_lastFence + 1, Clock);
        _rows[shard] = new Row(node, _lastFence, row?.Owner, row?.Fence ?? 0);
        _version++;
        return _lastFence;
    }
}
