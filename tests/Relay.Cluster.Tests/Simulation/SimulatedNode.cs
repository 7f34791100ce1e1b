using Relay.Cluster.Engine;
using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Simulation;

/// <summary>
/// One run of a node: carries out what <see cref="Ownership"/> decides over a slow, lossy network, as the real shell will, and keeps its own account of which shards are served.
/// </summary>
internal sealed class SimulatedNode
{
    private const long CallTimeout = 2_000_000;
    private readonly World _world;
    private readonly double _rate;
    private readonly long _offset;
    private readonly Dictionary<int, long> _served = [];
    private readonly List<Action> _missed = [];
    private bool _isSuspended = true;

    /// <param name="rate">How fast its clock runs; 1 is right.</param>
    public SimulatedNode(World world, NodeId id, double rate, ClusterTimes times, int movesAtOnce)
    {
        _world = world;
        Id = id;
        _rate = rate;
        _offset = world.Random.Next();
        Rules = new Ownership(id, world.Shards, times, movesAtOnce);
        NextTick();
    }

    public NodeId Id { get; }

    public Ownership Rules { get; }

    public bool IsPaused { get; private set; }

    /// <summary>Crashed, or left.</summary>
    public bool IsOver { get; private set; }

    public bool HasLeft { get; private set; }

    /// <summary>Its own clock, in milliseconds.</summary>
    public long Now => _offset + (long)(_world.Time * _rate / 1000);

    public bool Acts(int shard) => !IsOver && !IsPaused && Rules.MayAct(shard, Now);

    /// <summary>What the decisions so far amount to; must agree with <see cref="Ownership.MayAct"/>.</summary>
    public bool ServesByDecisions(int shard) => _served.ContainsKey(shard) && !_isSuspended;

    public void Crash() => IsOver = true;

    public void Pause(long microseconds)
    {
        if (IsPaused || IsOver)
        {
            return;
        }

        IsPaused = true;
        _world.After(microseconds, Wake);
    }

    public void Leave(bool stays = false)
    {
        Run(() => Carry(Rules.Leave(Now, stays)));
    }

    /// <summary>After leaving and staying: takes part again.</summary>
    public void ComeBack() => Run(() => Rules.TryReturn(Now));

    /// <summary>Both, one behind the other: what a paused node misses comes in no order.</summary>
    public void Drain(long microseconds) => Run(() =>
    {
        Carry(Rules.Leave(Now, stays: true));
        _world.After(microseconds, ComeBack);
    });

    /// <summary>Something for this node: now, or when it wakes up.</summary>
    public void Run(Action action)
    {
        if (IsOver)
        {
            return;
        }

        if (IsPaused)
        {
            _missed.Add(action);
            return;
        }

        action();
    }

    private void Wake()
    {
        IsPaused = false;
        _world.Check("a node woke up");
        var missed = _missed.ToArray();
        _missed.Clear();

        // Timers and answers that came meanwhile are handled in any order.
        _world.Random.Shuffle(missed);
        foreach (var action in missed)
        {
            Run(action);
        }
    }

    private void NextTick() => _world.After(_world.Random.Next(50_000, 100_000), () => Run(() =>
    {
        Carry(Rules.Tick(Now));
        NextTick();
    }));

    private void Carry(IReadOnlyList<Decision> decisions)
    {
        foreach (var decision in decisions)
        {
            _world.Note(Id, decision);
            Carry(decision);
        }

        if (decisions.Count > 0)
        {
            _world.Check(decisions[0].GetType().Name);
        }
    }

    private void Carry(Decision decision)
    {
        switch (decision)
        {
            case Decision.SendHeartbeat send:
                Call(store => store.Heartbeat(send.Beat), answer => Rules.HeartbeatAnswered(Now, answer), () => Rules.HeartbeatFailed(Now));
                break;
            case Decision.Claim claim:
                Call(store => store.Claim(Id, claim.Epoch, claim.Shards), answer => Rules.ClaimAnswered(Now, answer), () => Rules.ClaimFailed(Now));
                break;
            case Decision.Start start:
                Serve(start.Shard, start.Fence);
                break;
            case Decision.Resume resume:
                Serve(resume.Shard, resume.Fence);
                break;
            case Decision.Stop stop:
                _served.Remove(stop.Shard);
                break;
            case Decision.SuspendAll:
                _isSuspended = true;
                break;
            case Decision.ResumeAll:
                _isSuspended = false;
                break;
            case Decision.BeginMove move:
                Prepare(move);
                break;
            case Decision.Drain drain:
                _served.Remove(drain.Shard);
                _world.After(_world.Random.Next(1_000, 200_000), () => Run(() => Carry(_world.Network.Happens(0.1)
                    ? Rules.MoveFailed(Now, drain.Shard, drain.Move) : Rules.StateMoved(drain.Shard, drain.Move))));
                break;
            case Decision.HandOver over:
                HandOver(over);
                break;
            case Decision.AbortMove abort:
                if (abort.Serves)
                {
                    _served[abort.Shard] = Rules.FenceOf(abort.Shard);
                }

                break;
            case Decision.LeaveCluster:
                Call<object?>(
                    store =>
                    {
                        store.Leave(Id);
                        return null;
                    },
                    _ =>
                    {
                        Rules.Left();
                        HasLeft = IsOver = true;
                        return [];
                    },
                    () =>
                    {
                        Rules.LeaveFailed();
                        return [];
                    });
                break;
            default:
                throw new InvalidOperationException($"{decision}");
        }
    }

    private void Serve(int shard, long fence)
    {
        _world.Began(Id, shard, fence);
        _served[shard] = fence;
    }

    private void Prepare(Decision.BeginMove move)
    {
        if (_world.Network.Message() is not { } delay)
        {
            return;
        }

        _world.After(delay, () => _world.Find(move.To)?.Run(() =>
        {
            if (_world.Network.Message() is { } back)
            {
                var agrees = !_world.Network.Happens(0.1);
                _world.After(back, () => Run(() => Carry(agrees ? Rules.PrepareAgreed(move.Shard, move.Move) : Rules.MoveFailed(Now, move.Shard, move.Move))));
            }
        }));
    }

    private void HandOver(Decision.HandOver over) =>
        Call(
            store => store.HandOver(Id, over.To, over.Epoch, over.Shard, over.Fence),
            answer =>
            {
                if (answer.Outcome == HandOverOutcome.Done && _world.Network.Message() is { } delay)
                {
                    _world.After(delay, () => _world.Find(over.To)?.Given(over.Epoch, over.Shard, answer.Fence));
                }

                return Rules.HandOverAnswered(Now, over.Shard, over.Move, answer);
            },
            () => Rules.HandOverFailed(Now, over.Shard, over.Move));

    public void Refused(int shard, long seen) => Run(() => Carry(Rules.FenceRefused(Now, shard, seen)));

    private void Given(string epoch, int shard, long fence) => Run(() => Carry(Rules.Given(Now, epoch, shard, fence)));

    private void Call<T>(Func<TestKit.SimulatedStore, T> step, Func<T, IReadOnlyList<Decision>> answered, Func<IReadOnlyList<Decision>> failed)
    {
        var isOpen = true;
        void Close(Func<IReadOnlyList<Decision>> how) => Run(() =>
        {
            if (isOpen)
            {
                isOpen = false;
                Carry(how());
            }
        });

        var fate = _world.Network.Draw();
        _world.After(CallTimeout, () => Close(failed));
        if (fate.Taken is not { } taken)
        {
            return;
        }

        _world.After(taken, () =>
        {
            if (!_world.IsStoreUp)
            {
                _world.After(_world.Network.Delay(), () => Close(failed));
                return;
            }

            var answer = _world.OnStore(step);
            if (fate.Answered is { } back)
            {
                _world.After(back - taken, () => Close(() => answered(answer)));
            }
        });
    }
}
