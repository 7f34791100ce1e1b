using Relay.Cluster.Engine;

namespace Relay.Cluster.TestKit;

/// <summary>What the engines of one simulated cluster share: the store, the inboxes, the reconnect slots.</summary>
public sealed class SimulatedCluster(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, IClusterListener> _inboxes = [];
    private DateTimeOffset _nextSlot;

    public SimulatedStore Store { get; } = new();

    /// <summary>When false every call fails, and may or may not have been carried out: here it was not.</summary>
    public bool IsUp { get; set; } = true;

    /// <summary>One atomic step of the store; tells the listeners when something changed.</summary>
    public T Step<T>(Func<SimulatedStore, T> step)
    {
        lock (_gate)
        {
            ThrowWhenDown();
            Store.Clock = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            var before = Store.Version;
            var answer = step(Store);
            if (Store.Version != before)
            {
                foreach (var inbox in _inboxes.Values)
                {
                    inbox.OnChanged(Store.Version);
                }
            }

            return answer;
        }
    }

    internal void Listen(NodeId self, IClusterListener listener)
    {
        lock (_gate)
        {
            _inboxes.Add(self, listener);
            listener.OnInboxRestored();
        }
    }

    internal void Close(NodeId self)
    {
        lock (_gate)
        {
            _inboxes.Remove(self);
        }
    }

    internal void Send(NodeId to, ReadOnlyMemory<byte> frame)
    {
        lock (_gate)
        {
            ThrowWhenDown();
            _inboxes.GetValueOrDefault(to)?.OnFrame(frame.Span);
        }
    }

    internal Reservation Reserve(int slots, double perSecond)
    {
        lock (_gate)
        {
            ThrowWhenDown();
            var now = time.GetUtcNow();
            var first = _nextSlot > now ? _nextSlot : now;
            var gap = TimeSpan.FromSeconds(1 / perSecond);
            _nextSlot = first + (slots * gap);
            return new Reservation(first - now, gap);
        }
    }

    private void ThrowWhenDown()
    {
        if (!IsUp)
        {
            throw new ClusterEngineException("the store is away", isRetryable: true);
        }
    }
}

/// <summary>One node's way to a simulated cluster: the store in memory, every call answered at once.</summary>
public sealed class SimulatedEngine(SimulatedCluster cluster) : IClusterEngine
{
    private NodeId? _self;

    public string? Illness => cluster.IsUp ? null : "the store is away";

    public ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat) => Step(store => store.Heartbeat(beat));

    public ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards) => Step(store => store.Claim(node, epoch, shards));

    public ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence) =>
        Step(store => store.HandOver(from, to, epoch, shard, fence));

    public async ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards) => await Step(store =>
    {
        store.Release(node, epoch, shards);
        return true;
    });

    public async ValueTask LeaveAsync(NodeId node) => await Step(store =>
    {
        store.Leave(node);
        return true;
    });

    public ValueTask<Reservation> ReserveAsync(int slots, double perSecond) => Try(() => cluster.Reserve(slots, perSecond));

    public async ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame) => await Try(() =>
    {
        cluster.Send(to, frame);
        return true;
    });

    public void Listen(NodeId self, IClusterListener listener)
    {
        cluster.Listen(self, listener);
        _self = self;
    }

    public ValueTask DisposeAsync()
    {
        if (_self is { } self)
        {
            cluster.Close(self);
        }

        return ValueTask.CompletedTask;
    }

    private ValueTask<T> Step<T>(Func<SimulatedStore, T> step) => Try(() => cluster.Step(step));

    private static ValueTask<T> Try<T>(Func<T> call)
    {
        try
        {
            return ValueTask.FromResult(call());
        }
        catch (ClusterEngineException failure)
        {
            return ValueTask.FromException<T>(failure);
        }
    }
}
