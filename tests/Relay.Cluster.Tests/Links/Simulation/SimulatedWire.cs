using System.Threading.Tasks.Sources;
using Relay.Cluster.Engine;

namespace Relay.Cluster.Tests.Links.Simulation;

/// <summary>One node's way into the network of a <see cref="LinkWorld"/>; frames only.</summary>
internal sealed class SimulatedWire(LinkWorld world, LinkNode node) : IClusterEngine
{
    private int _underWay;

    public string? Illness => null;

    public ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
    {
        if (++_underWay > 4 * world.Nodes.Count)
        {
            throw world.Broken($"{node.Id} has {_underWay} frames under way");
        }

        if (!world.IsStoreUp && world.Random.Next(2) == 0)
        {
            _underWay--;
            throw new ClusterEngineException("the store is away", isRetryable: true);
        }

        var isTaken = world.IsStoreUp && !world.Happens(0.02);
        if (isTaken || world.Happens(0.3))
        {
            world.Carry(node.Id, to, frame.ToArray());
        }

        if (isTaken && world.Random.Next(3) == 0)
        {
            _underWay--;
            return ValueTask.CompletedTask;
        }

        // The bytes stay the engine's until then; whoever uses them again too early spoils a frame.
        var before = frame.ToArray();
        var send = new SimulatedSend();
        world.After(world.Delay(), () => node.Run(() =>
        {
            _underWay--;
            if (!frame.Span.SequenceEqual(before))
            {
                throw world.Broken($"{node.Id} changed a frame that was under way");
            }

            send.Complete(isTaken ? null : new ClusterEngineException("no answer", isRetryable: true));
        }));
        return send.Task;
    }

    public ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat) => throw new NotSupportedException();

    public ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards) => throw new NotSupportedException();

    public ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence) => throw new NotSupportedException();

    public ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards) => throw new NotSupportedException();

    public ValueTask LeaveAsync(NodeId node) => throw new NotSupportedException();

    public ValueTask<Reservation> ReserveAsync(int slots, double perSecond) => throw new NotSupportedException();

    public void Listen(NodeId self, IClusterListener listener) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A task whose continuation runs where it is completed: one thread, one order.</summary>
    private sealed class SimulatedSend : IValueTaskSource
    {
        private Action<object?>? _continuation;
        private object? _state;
        private Exception? _error;
        private bool _isCompleted;

        public ValueTask Task => new(this, 0);

        public void Complete(Exception? error)
        {
            _error = error;
            _isCompleted = true;
            _continuation?.Invoke(_state);
        }

        public void GetResult(short token)
        {
            if (_error is not null)
            {
                throw _error;
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) =>
            !_isCompleted ? ValueTaskSourceStatus.Pending : _error is null ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Faulted;

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            (_continuation, _state) = (continuation, state);
    }
}
