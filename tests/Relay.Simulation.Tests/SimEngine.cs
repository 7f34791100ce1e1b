using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.TestKit;

namespace Relay.Simulation.Tests;

/// <summary>One node's way to the cluster's store and to the other nodes.</summary>
internal sealed class SimEngine(SimWorld world, SimNode node) : IClusterEngine
{
    private const double CallTimeout = 2000;

    public string? Illness => null;

    public ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat) => Call(store => store.Heartbeat(beat));

    public ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards) => Call(store => store.Claim(node, epoch, shards));

    public ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence) => Call(store => store.HandOver(from, to, epoch, shard, fence));

    public async ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards) => await Call(store =>
    {
        store.Release(node, epoch, shards);
        return true;
    }).ConfigureAwait(false);

    public async ValueTask LeaveAsync(NodeId node) => await Call(store =>
    {
        store.Leave(node);
        return true;
    }).ConfigureAwait(false);

    public ValueTask<Reservation> ReserveAsync(int slots, double perSecond) => Call(_ => new Reservation(TimeSpan.Zero, TimeSpan.Zero));

    public ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
    {
        if (!world.Network.IsStoreUp)
        {
            return ValueTask.FromException(new ClusterEngineException("the store is away", isRetryable: true));
        }

        var bytes = frame.ToArray();
        if (world.Controls.AnswersAreLost)
        {
            LoseAnswers(bytes);
        }

        world.Network.Carry(node, to, bytes);
        return ValueTask.CompletedTask;
    }

    public void Listen(NodeId self, IClusterListener listener)
    {
        node.Listener = listener;
        listener.OnInboxRestored();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private ValueTask<T> Call<T>(Func<SimulatedStore, T> step)
    {
        var answer = new TaskCompletionSource<T>();
        void Fail() => node.Run(() => answer.TrySetException(new ClusterEngineException("no answer", isRetryable: true)));
        world.After(CallTimeout, Fail);
        if (world.Network.Happens(0.03))
        {
            return new(answer.Task);
        }

        world.After(world.Network.Delay(), () =>
        {
            if (!world.Network.IsStoreUp)
            {
                world.After(world.Network.Delay(), Fail);
                return;
            }

            var result = world.Network.OnStore(step);
            if (!world.Network.Happens(0.03))
            {
                world.After(world.Network.Delay(), () => node.Run(() => answer.TrySetResult(result)));
            }
        });
        return new(answer.Task);
    }

    // What a frame is: LinkFrame. An answer's number that nobody knows makes it none.
    private static void LoseAnswers(byte[] frame)
    {
        const byte Data = 2;
        const byte Answer = 2;
        if (frame[1] != Data)
        {
            return;
        }

        for (var at = 36 + frame[3]; at + 4 < frame.Length; at += 4 + BitConverter.ToInt32(frame, at))
        {
            if (frame[at + 4] == Answer)
            {
                // Its shard's token is the last but the content; the number is the first: made even larger than any.
                frame[at + 5] ^= 0x40;
            }
        }
    }
}
