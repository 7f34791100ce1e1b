using Relay.Cluster.Engine;

namespace Relay.Cluster.Tests.Links;

/// <summary>An engine without a store.</summary>
internal abstract class FramesOnlyEngine : IClusterEngine
{
    public string? Illness => null;

    public abstract ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame);

    public virtual void Doubt(NodeId to)
    {
    }

    public ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat) => throw new NotSupportedException();

    public ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards) => throw new NotSupportedException();

    public ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence) => throw new NotSupportedException();

    public ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards) => throw new NotSupportedException();

    public ValueTask LeaveAsync(NodeId node) => throw new NotSupportedException();

    public ValueTask<Reservation> ReserveAsync(int slots, double perSecond) => throw new NotSupportedException();

    public void Listen(NodeId self, IClusterListener listener) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
