using Relay.Cluster.Engine;

namespace Relay.Cluster.Rules;

/// <summary>How shards leave this node.</summary>
public sealed partial class Ownership
{
    private readonly long[] _moveNotBefore;
    private Placement _placement;
    private NodeId[] _up = [];
    private NodeId[] _claimants = [];
    private LeaveStep _leave;
    private bool _stays;
    private bool _isLeavingKnown;
    private IReadOnlyDictionary<int, NodeId> _pins = new Dictionary<int, NodeId>();

    private enum LeaveStep
    {
        None,
        Asked,
        Left,
    }

    /// <summary>True once a node that leaves holds nothing any more that another could take.</summary>
    public bool HasHandedOver => State == MemberState.Leaving && (_held.Count == 0 || IsAlone);

    // Nobody to hand over to; a hand-over whose outcome is open has somebody.
    private bool IsAlone => _up.Length == 0 && !_held.Values.Any(static held => held.Phase == HeldPhase.HandingOver);

    /// <summary>
    /// Where operators want shards to be, until they say otherwise: a wish, which changes who ranks highest and nothing of how a shard changes hands. Nodes that know different pins may hand a
    /// shard to and fro until they know the same.
    /// </summary>
    public void Pin(IReadOnlyDictionary<int, NodeId> pins)
    {
        _pins = pins;
        (_up, _claimants) = ([], []);
        (_placement, _claimOrder) = (new Placement([], _table.Shards), new Placement([], _table.Shards));
        Place();
    }

    /// <summary>
    /// A node that was leaving, and stayed a member, takes part again: it is up with the next heartbeat, and shards come back to it. False when it does not leave, or is about to be gone.
    /// </summary>
    public bool TryReturn(long now)
    {
        if (State != MemberState.Leaving || !_stays || _leave != LeaveStep.None)
        {
            return false;
        }

        // Not up at once: the store may have begun another epoch meanwhile, in which nothing is taken for a lease.
        State = MemberState.Joining;
        _stays = false;
        _isLeavingKnown = false;
        Place();
        BeatSoon(now);
        return true;
    }

    /// <summary>The phase of a shard that this node holds, and where it goes; null when it does not hold it.</summary>
    internal (HeldPhase Phase, NodeId To)? PhaseOf(int shard) => _held.TryGetValue(shard, out var held) ? (held.Phase, held.To) : null;

    /// <summary>The target buffers what comes for the shard.</summary>
    public IReadOnlyList<Decision> PrepareAgreed(int shard, long move)
    {
        if (Moving(shard, move) is { } held && held.Phase == HeldPhase.Preparing)
        {
            held.Phase = HeldPhase.Draining;
            Add(new Decision.Drain(shard, move, held.To));
        }

        return Decisions();
    }

    /// <summary>The target has the shard's state.</summary>
    public IReadOnlyList<Decision> StateMoved(int shard, long move)
    {
        if (Moving(shard, move) is { } held && held.Phase == HeldPhase.Draining)
        {
            held.Phase = HeldPhase.HandingOver;
            AskToHandOver(shard, held);
        }

        return Decisions();
    }

    /// <summary>The target refused, cannot be reached, or its state could not be brought over. No effect once the store was asked to hand over.</summary>
    public IReadOnlyList<Decision> MoveFailed(long now, int shard, long move)
    {
        if (Moving(shard, move) is { } held && held.Phase is HeldPhase.Preparing or HeldPhase.Draining)
        {
            Abort(now, shard, held);
        }

        return Decisions();
    }

    public IReadOnlyList<Decision> HandOverAnswered(long now, int shard, long move, HandOverAnswer answer)
    {
        if (Moving(shard, move) is not { Phase: HeldPhase.HandingOver } held)
        {
            return Decisions();
        }

        switch (answer.Outcome)
        {
            case HandOverOutcome.Done:
                _table.Take(shard, held.To, answer.Fence);
                Stop(shard, StopReason.Moved);
                break;
            case HandOverOutcome.NotOwner:
                Stop(shard, StopReason.Lost);
                BeatSoon(now);
                break;
            default:
                Abort(now, shard, held);
                break;
        }

        return Decisions();
    }

    /// <summary>No answer: whether the shard was handed over is not known. It is asked again until it is.</summary>
    public IReadOnlyList<Decision> HandOverFailed(long now, int shard, long move)
    {
        if (Moving(shard, move) is { } held && held.Phase == HeldPhase.HandingOver)
        {
            held.IsInDoubt = true;
            held.RetryAt = now + _times.Retry;
        }

        return Decisions();
    }

    /// <summary>The membership is over.</summary>
    public void Left() => _leave = LeaveStep.Left;

    public void LeaveFailed() => _leave = LeaveStep.None;

    // An answer to a move that was given up meets nothing.
    private HeldShard? Moving(int shard, long move) =>
        _held.TryGetValue(shard, out var held) && held.IsMoving && held.Move == move ? held : null;

    // Nothing goes to a node that is about to leave, or has not yet waited for the trust from before it to run out.
    private void Place()
    {
        var up = Members.Where(member => member.State == MemberState.Up && Stays(member)).Select(static member => member.Node).ToArray();
        if (!up.AsSpan().SequenceEqual(_up))
        {
            _up = up;
            _placement = new Placement(up, _table.Shards, _pins);
        }

        var claimants = Members.Where(member => member.State != MemberState.Leaving && Stays(member)).Select(static member => member.Node).ToArray();
        if (!claimants.AsSpan().SequenceEqual(_claimants))
        {
            _claimants = claimants;
            _claimOrder = new Placement(claimants, _table.Shards, _pins);
        }
    }

    private bool Stays(Member member) => member.Node != _self || State != MemberState.Leaving;

    private void WatchMoves(long now)
    {
        foreach (var (shard, held) in _held)
        {
            if (held.Phase == HeldPhase.HandingOver && held.RetryAt <= now)
            {
                AskToHandOver(shard, held);
            }
            else if (held.Phase is HeldPhase.Preparing or HeldPhase.Draining && (now - held.MoveBegan >= _times.MoveTimeout || !_up.Contains(held.To)))
            {
                Abort(now, shard, held);
            }
        }
    }

    private void BeginMoves(long now)
    {
        if (State == MemberState.Joining || !IsTrusted(now))
        {
            return;
        }

        var room = _movesAtOnce - MovesUnderWay;
        if (room <= 0)
        {
            return;
        }

        var ready = _held.Where(held => !held.Value.IsMoving && now >= _moveNotBefore[held.Key]).Select(static held => held.Key);
        foreach (var (shard, to) in _placement.Moves(_self, ready, room).ToArray())
        {
            var held = _held[shard];
            held.Phase = HeldPhase.Preparing;
            held.To = to;
            held.Move = ++_moves;
            held.MoveBegan = now;
            Add(new Decision.BeginMove(shard, held.Move, to));
        }
    }

    private void AskToHandOver(int shard, HeldShard held)
    {
        held.RetryAt = null;
        Add(new Decision.HandOver(shard, held.Move, held.To, _table.Epoch, held.Fence));
    }

    private void Abort(long now, int shard, HeldShard held)
    {
        // A hand-over that was not answered may still be on its way: under the old fence the node would go on serving what somebody else is then given.
        held.Phase = held.IsInDoubt ? HeldPhase.Refencing : HeldPhase.Serving;
        held.RetryAt = null;
        _moveNotBefore[shard] = now + _times.MoveBackoff;
        Add(new Decision.AbortMove(shard, held.Move, held.To, Serves: !held.IsInDoubt));
    }

    private void LeaveWhenEmpty()
    {
        // Before the store knows that it leaves it may still be given shards, which would be lost with it.
        if (State != MemberState.Leaving || _stays || !_isLeavingKnown || _leave != LeaveStep.None || _beat is not null || _claiming.Count > 0)
        {
            return;
        }

        if (IsAlone)
        {
            foreach (var shard in _held.Keys.ToArray())
            {
                Stop(shard, StopReason.Leaving);
            }
        }

        if (_held.Count == 0)
        {
            _leave = LeaveStep.Asked;
            _isSuspended = true;
            Add(new Decision.LeaveCluster());
        }
    }
}
