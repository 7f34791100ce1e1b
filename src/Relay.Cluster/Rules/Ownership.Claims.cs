using Relay.Cluster.Engine;

namespace Relay.Cluster.Rules;

/// <summary>How shards come to this node.</summary>
public sealed partial class Ownership
{
    // When a shard was first seen free; long.MaxValue while it is not.
    private readonly long[] _freeSince;

    // The highest fence this node ever held a shard under: hand-overs under it may still be under way, so it is never taken up again.
    private readonly long[] _usedFences;

    // Of the members that are up or about to be: who has just started does not claim what the others are there for in a moment.
    private Placement _claimOrder;
    private List<int> _claiming = [];
    private long _claimNotBefore = long.MinValue;
    private long _upSince;

    public IReadOnlyList<Decision> ClaimAnswered(long now, ClaimAnswer answer)
    {
        var asked = _claiming;
        _claiming = [];
        if (answer.Epoch != _table.Epoch)
        {
            BeatSoon(now);
            return Decisions();
        }

        foreach (var (shard, fence, previous) in answer.Claimed)
        {
            // Not true when the node was removed and joined again since the store took the claim.
            // And nothing begins on an answer that comes too late to be relied on: the next heartbeat shows what is left of it.
            if (_table.Take(shard, _self, fence) && IsTrusted(now))
            {
                Claimed(shard, fence, previous);
            }
        }

        if (answer.Claimed.Count < asked.Count || !IsTrusted(now))
        {
            Missed(now);
        }

        return Decisions();
    }

    public IReadOnlyList<Decision> ClaimFailed(long now)
    {
        _claiming = [];
        Missed(now);
        return Decisions();
    }

    /// <summary>The former owner says that it handed a shard over to this node. The table says the same, a little later.</summary>
    public IReadOnlyList<Decision> Given(long now, string epoch, int shard, long fence)
    {
        if (epoch == _table.Epoch && _table.Take(shard, _self, fence))
        {
            Adopt(now);
        }

        return Decisions();
    }

    /// <summary>
    /// A journal refused a write of this shard because it has seen <paramref name="seen"/>, a higher fence. Either the shard is somebody else's, as the next heartbeat will tell; or the
    /// store gave too low a fence, its clock having been set back when it lost its memory: then it learns better, and gives another.
    /// </summary>
    public IReadOnlyList<Decision> FenceRefused(long now, int shard, long seen)
    {
        _table.Heard(seen);
        if (_held.TryGetValue(shard, out var held) && held.Fence < seen)
        {
            Stop(shard, StopReason.Lost);
            Missed(now);
        }

        return Decisions();
    }

    // What the first table of an epoch says this node holds is from an earlier memory, and others may have held it since: only a new fence will do.
    private void DistrustTable()
    {
        for (var shard = 0; shard < _table.Shards; shard++)
        {
            if (_table.Owner(shard) == _self)
            {
                _usedFences[shard] = Math.Max(_usedFences[shard], _table.Fence(shard));
            }
        }
    }

    // The table shows who was faster, or what came of a claim whose answer was lost.
    private void Missed(long now)
    {
        _claimNotBefore = now + _times.Retry;
        BeatSoon(now);
    }

    private void Claimed(int shard, long fence, long previous)
    {
        // Seen in the table before the answer came, and perhaps given up again since.
        if (fence <= _usedFences[shard])
        {
            return;
        }

        if (!_held.TryGetValue(shard, out var held))
        {
            Start(shard, fence);
            return;
        }

        if (held.Phase == HeldPhase.Refencing && previous == held.Fence)
        {
            _usedFences[shard] = fence;
            _held[shard] = new HeldShard(fence);
            Add(new Decision.Resume(shard, fence));
            return;
        }

        Stop(shard, StopReason.Lost);
        Start(shard, fence);
    }

    private void SeeFree(long now)
    {
        for (var shard = 0; shard < _freeSince.Length; shard++)
        {
            if (_table.Owner(shard) is not null)
            {
                _freeSince[shard] = long.MaxValue;
            }
            else if (_freeSince[shard] == long.MaxValue)
            {
                _freeSince[shard] = now;
            }
        }
    }

    // Shards the table names this node as the owner of: handed over by another, or claimed without hearing the answer.
    private void Adopt(long now)
    {
        if (State == MemberState.Joining || !IsTrusted(now) || now < _epochSince + _times.Lease)
        {
            return;
        }

        for (var shard = 0; shard < _table.Shards; shard++)
        {
            if (_table.Owner(shard) == _self && _table.Fence(shard) > _usedFences[shard] && !_held.ContainsKey(shard))
            {
                Start(shard, _table.Fence(shard));
            }
        }
    }

    private void ClaimFree(long now)
    {
        if (State == MemberState.Joining || _claiming.Count > 0 || now < _claimNotBefore || !IsTrusted(now))
        {
            return;
        }

        var claims = new List<int>();
        for (var shard = 0; shard < _table.Shards; shard++)
        {
            if (_held.TryGetValue(shard, out var held) ? held.Phase == HeldPhase.Refencing : State == MemberState.Up && IsToBeClaimed(shard, now))
            {
                claims.Add(shard);
            }
        }

        if (claims.Count > 0)
        {
            _claiming = claims;
            Add(new Decision.Claim(_table.Epoch, claims));
        }
    }

    private bool IsToBeClaimed(int shard, long now)
    {
        if (_table.Owner(shard) is { } owner)
        {
            // Held once and given up here, yet still this node's: only a new fence makes it safe.
            return owner == _self;
        }

        // Nodes that were started together become members one after the other.
        var free = Math.Max(_freeSince[shard], _upSince);
        return free <= now && (now - free >= _times.ClaimStagger * _claimOrder.Position(shard, _self));
    }
}
