using Relay.Cluster;

namespace Relay.Redis.Tests.Cluster;

/// <summary>
/// What nodes have been told, put down together: two that hold a shard at once, or a fence that does not grow, is a fault. A shard is given up here before the step that gives
/// it up is sent, and taken after the step that takes it was answered, so what is in the book is never more than what is true.
/// </summary>
internal sealed class OwnerBook
{
    private readonly Dictionary<int, Entry> _entries = [];
    private readonly HashSet<(int Shard, ClusterNode Node)> _claiming = [];
    private readonly List<string> _faults = [];
    private readonly Lock _gate = new();

    public int Taken { get; private set; }

    public int HandedOver { get; private set; }

    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_gate)
                return [.. _faults];
        }
    }

    public (NodeId? Owner, long Fence) Last(int shard)
    {
        lock (_gate)
            return _entries[shard] is { IsHeld: true } entry ? (entry.Owner.Id, entry.Fence) : (null, _entries[shard].Fence);
    }

    public bool Holds(int shard, ClusterNode node, out long fence)
    {
        lock (_gate)
        {
            var holds = _entries.TryGetValue(shard, out var entry) && entry.IsHeld && entry.Owner == node;
            fence = entry?.Fence ?? 0;
            return holds;
        }
    }

    /// <summary>
    /// False when the node is the target of a hand-over under way. A claim of its own would be right then, but its answer could come into the book before that of the
    /// hand-over. While it claims, nobody hands the shard over to it for the same reason.
    /// </summary>
    public bool TryBeginClaim(int shard, ClusterNode node)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(shard, out var entry) && entry.Target == node)
                return false;
            _claiming.Add((shard, node));
            return true;
        }
    }

    public void EndClaim(int shard, ClusterNode node)
    {
        lock (_gate)
            _claiming.Remove((shard, node));
    }

    public void Give(int shard)
    {
        lock (_gate)
            _entries[shard].IsHeld = false;
    }

    /// <summary>False when the target is claiming the shard.</summary>
    public bool TryGive(int shard, ClusterNode target)
    {
        lock (_gate)
        {
            if (_claiming.Contains((shard, target)))
                return false;
            _entries[shard].IsHeld = false;
            _entries[shard].Target = target;
            return true;
        }
    }

    public void Take(int shard, ClusterNode node, long fence)
    {
        lock (_gate)
        {
            Taken++;
            Put(shard, node, fence);
        }
    }

    public void HandedOverTo(int shard, ClusterNode node, long fence)
    {
        lock (_gate)
        {
            HandedOver++;
            Put(shard, node, fence);
        }
    }

    public void Fault(string fault)
    {
        lock (_gate)
            _faults.Add(fault);
    }

    private void Put(int shard, ClusterNode node, long fence)
    {
        if (_entries.TryGetValue(shard, out var before))
        {
            if (before.IsHeld && before.Owner != node)
                _faults.Add($"{node.Id} got shard {shard} while {before.Owner.Id} holds it");
            if (before.Fence >= fence)
                _faults.Add($"fence {fence} of shard {shard} came after {before.Fence}");
        }

        _entries[shard] = new Entry(node, fence);
    }

    private sealed class Entry(ClusterNode owner, long fence)
    {
        public ClusterNode Owner { get; } = owner;

        public long Fence { get; } = fence;

        public bool IsHeld { get; set; } = true;

        public ClusterNode? Target { get; set; }
    }
}
