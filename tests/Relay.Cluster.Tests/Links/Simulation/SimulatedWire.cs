using Relay.Cluster.Engine;

namespace Relay.Cluster.Tests.Links.Simulation;

/// <summary>One node's way into the network of a <see cref="LinkWorld"/>; frames only.</summary>
internal sealed class SimulatedWire(LinkWorld world, LinkNode node) : FramesOnlyEngine
{
    private int _underWay;

    public override ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
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
        var send = new InlineSend();
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
}
