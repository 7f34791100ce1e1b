using Relay.Cluster.Engine;

namespace Relay.Cluster.Rules;

/// <summary>
/// What this node owns and may act on; says what to do next. No clock and no I/O: time comes with every call, monotonic, in milliseconds since any fixed point,
/// and the caller carries out the <see cref="Decision"/>s and feeds back what came of them. Owned by one actor. The protocol and why it holds: docs/cluster.md.
/// </summary>
/// <remarks>
/// Call <see cref="Tick"/> at least every 100 ms. The times of a heartbeat and of a claim are those of the calls that return them, so the caller sends at once or fails.
/// Late answers, to calls that were given up, are never fed back.
/// </remarks>
public sealed partial class Ownership
{
    private readonly NodeId _self;
    private readonly ClusterTimes _times;
    private readonly int _movesAtOnce;
    private readonly ShardTable _table;
    private readonly SortedDictionary<int, HeldShard> _held = [];
    private readonly Dictionary<NodeId, (long Beat, long Since, bool IsSilent)> _seen = [];
    private List<Decision> _decisions = [];
    private Heartbeat? _beat;
    private long _beats;
    private long _moves;
    private long _beatSentAt = long.MinValue;
    private long _nextBeatAt = long.MinValue;
    private long _trustedUntil = long.MinValue;
    private long _epochSince;
    private bool _isSuspended = true;

    /// <param name="movesAtOnce">Most shards under way from this node at the same time.</param>
    public Ownership(NodeId self, int shards, ClusterTimes times, int movesAtOnce = 4)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(movesAtOnce);
        times.Check();
        _self = self;
        _times = times;
        _movesAtOnce = movesAtOnce;
        _table = new ShardTable(shards);
        _freeSince = new long[shards];
        _usedFences = new long[shards];
        _moveNotBefore = new long[shards];
        Array.Fill(_freeSince, long.MaxValue);
        Array.Fill(_moveNotBefore, long.MinValue);
        _placement = new Placement([], shards);
        _claimOrder = _placement;
    }

    public MemberState State { get; private set; } = MemberState.Joining;

    /// <summary>As of the last answer.</summary>
    public IReadOnlyList<Member> Members { get; private set; } = [];

    public ShardTable Table => _table;

    /// <summary>Shards held, served or not; for key figures.</summary>
    public int Held => _held.Count;

    public int MovesUnderWay => _held.Values.Count(static held => held.IsMoving);

    /// <summary>Said of the node with every heartbeat.</summary>
    public string ProgramVersion { get; init; } = "";

    /// <inheritdoc cref="ProgramVersion"/>
    public string Address { get; init; } = "";

    /// <summary>True while the node is sure that nobody removed it: until a lease less the margin after it sent the last heartbeat that was answered.</summary>
    public bool IsTrusted(long now) => !_isSuspended && now < _trustedUntil;

    /// <summary>The time of the last act that is safe, in the caller's milliseconds; <see cref="long.MinValue"/> while nothing is.</summary>
    public long TrustedUntil => _isSuspended ? long.MinValue : _trustedUntil;

    /// <summary>
    /// Ask before every act as owner, with the time of the act: the node may have slept since the last <see cref="Tick"/>.
    /// </summary>
    public bool MayAct(int shard, long now) => IsTrusted(now) && _held.TryGetValue(shard, out var held) && held.IsServed;

    /// <summary>The fence to write under; 0 when the shard is not held.</summary>
    public long FenceOf(int shard) => _held.TryGetValue(shard, out var held) ? held.Fence : 0;

    /// <summary>What is due by now.</summary>
    /// <param name="load">Connections, told with the next heartbeat.</param>
    public IReadOnlyList<Decision> Tick(long now, int load = 0)
    {
        if (_leave == LeaveStep.Left)
        {
            return [];
        }

        if (!_isSuspended && now >= _trustedUntil)
        {
            _isSuspended = true;
            Add(new Decision.SuspendAll());
        }

        WatchMoves(now);
        BeginMoves(now);
        ClaimFree(now);
        if (_beat is null && _leave == LeaveStep.None && now >= BeatDueAt())
        {
            SendHeartbeat(now, load);
        }

        LeaveWhenEmpty();
        return Decisions();
    }

    /// <summary>A hint that others changed something: the next heartbeat comes sooner.</summary>
    public void Changed(long version, long now)
    {
        if (version != _table.Version)
        {
            BeatSoon(now);
        }
    }

    /// <summary>Begins to leave: all shards are moved out, and none comes in any more. The membership ends with the last of them.</summary>
    /// <param name="now">Monotonic, as everywhere here.</param>
    /// <param name="stays">The membership goes on, with what cannot be moved because nobody else is up, until this is called without it.</param>
    public IReadOnlyList<Decision> Leave(long now, bool stays = false)
    {
        _stays = stays && (_stays || State != MemberState.Leaving);
        if (State != MemberState.Leaving)
        {
            State = MemberState.Leaving;
            Place();
            BeatSoon(now);
        }

        return Decisions();
    }

    public IReadOnlyList<Decision> HeartbeatFailed(long now)
    {
        _beat = null;
        BeatSoon(now);
        return Decisions();
    }

    public IReadOnlyList<Decision> HeartbeatAnswered(long now, HeartbeatAnswer answer)
    {
        var beat = _beat ?? throw new InvalidOperationException("no heartbeat is under way");
        _beat = null;
        _isLeavingKnown = beat.State == MemberState.Leaving;
        var wasTrusted = now < _trustedUntil;
        var isNewEpoch = answer.Epoch != _table.Epoch;
        if (isNewEpoch)
        {
            BeginEpoch(now, answer.Epoch);
        }

        if (answer.Table is { } table)
        {
            _table.Take(answer.Version, table);
        }

        if (isNewEpoch)
        {
            DistrustTable();
        }

        GiveUpLost(beat, answer.LostLeases);
        Watch(now, answer.Members, afresh: isNewEpoch || !wasTrusted);
        _trustedUntil = Math.Max(_trustedUntil, _beatSentAt + _times.Lease - _times.Margin);
        if (_isSuspended && now < _trustedUntil)
        {
            _isSuspended = false;
            Add(new Decision.ResumeAll());
        }

        SeeFree(now);
        Adopt(now);
        return Decisions();
    }

    // The table decides also about shards that came while the heartbeat was under way, and are not among its leases.
    private void GiveUpLost(Heartbeat beat, IReadOnlyList<int> lost)
    {
        foreach (var (shard, held) in _held.ToArray())
        {
            var isLost = _table.Owner(shard) != _self || _table.Fence(shard) != held.Fence
                || (lost.Contains(shard) && beat.Leases.Contains(new OwnedShard(shard, held.Fence)));
            if (isLost)
            {
                var isMoved = held.Phase == HeldPhase.HandingOver && _table.Owner(shard) == held.To;
                Stop(shard, isMoved ? StopReason.Moved : StopReason.Lost);
            }
        }
    }

    // Whatever this node and others held may be somebody else's by now; nobody takes anything before all trust from before has run out.
    private void BeginEpoch(long now, string epoch)
    {
        foreach (var shard in _held.Keys.ToArray())
        {
            Stop(shard, StopReason.StoreForgot);
        }

        _table.Begin(epoch);
        _epochSince = now;
        Array.Fill(_freeSince, long.MaxValue);
        if (State != MemberState.Leaving)
        {
            State = MemberState.Joining;
        }
    }

    // A node that could not reach the store itself knows nothing of others' silence: they may have been kept from it by the same outage.
    private void Watch(long now, IReadOnlyList<Member> members, bool afresh)
    {
        if (afresh)
        {
            _seen.Clear();
        }

        foreach (var gone in _seen.Keys.Except(members.Select(static member => member.Node)).ToArray())
        {
            _seen.Remove(gone);
        }

        foreach (var member in members)
        {
            if (member.Node == _self)
            {
                continue;
            }

            // Silent is who an answer shows unchanged a lease later: that no answer comes says nothing about others.
            _seen[member.Node] = _seen.TryGetValue(member.Node, out var seen) && seen.Beat == member.Beat
                ? seen with { IsSilent = now >= seen.Since + _times.Lease }
                : (member.Beat, now, false);
        }

        Members = members;
        Place();
    }

    private long BeatDueAt()
    {
        var due = Math.Min(_nextBeatAt, _beatSentAt == long.MinValue ? long.MinValue : _beatSentAt + _times.Beat);
        if (State == MemberState.Joining && _table.Epoch.Length > 0)
        {
            due = Math.Min(due, _epochSince + _times.Lease);
        }

        foreach (var (_, since, _) in _seen.Values)
        {
            due = Math.Min(due, since + _times.Lease);
        }

        return _beatSentAt == long.MinValue ? due : Math.Max(due, _beatSentAt + _times.Retry);
    }

    private void BeatSoon(long now) => _nextBeatAt = Math.Min(_nextBeatAt, now);

    private void SendHeartbeat(long now, int load)
    {
        if (State == MemberState.Joining && _table.Epoch.Length > 0 && now >= _epochSince + _times.Lease)
        {
            State = MemberState.Up;
            _upSince = now;
        }

        _beatSentAt = now;
        _nextBeatAt = long.MaxValue;
        _beat = new Heartbeat
        {
            Node = _self,
            Beat = ++_beats,
            State = State,
            ProgramVersion = ProgramVersion,
            Address = Address,
            Load = load,
            Epoch = _table.Epoch,
            KnownVersion = _table.Version,
            HighestFence = _table.HighestFence,
            Leases = [.. _held.Select(static held => new OwnedShard(held.Key, held.Value.Fence))],
            Silent = !IsTrusted(now) ? [] : [.. _seen.Where(static seen => seen.Value.IsSilent).Select(static seen => new SilentMember(seen.Key, seen.Value.Beat))],
        };
        Add(new Decision.SendHeartbeat(_beat));
    }

    private void Start(int shard, long fence)
    {
        _held[shard] = new HeldShard(fence);
        _usedFences[shard] = Math.Max(_usedFences[shard], fence);
        Add(new Decision.Start(shard, fence));
    }

    private void Stop(int shard, StopReason reason)
    {
        _held.Remove(shard);
        Add(new Decision.Stop(shard, reason));
    }

    private void Add(Decision decision) => _decisions.Add(decision);

    private List<Decision> Decisions()
    {
        var decisions = _decisions;
        _decisions = [];
        return decisions;
    }
}
