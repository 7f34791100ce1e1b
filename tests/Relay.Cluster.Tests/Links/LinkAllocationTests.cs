using Relay.Cluster.Links;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Kernel.TestKit;

namespace Relay.Cluster.Tests.Links;

public sealed class LinkAllocationTests
{
    [Fact]
    public void Sending_receiving_and_acknowledging_allocates_nothing()
    {
        var time = new ManualTime();
        var (a, b) = (new QuietNode("a", time), new QuietNode("b", time));
        (a.Peer, b.Peer) = (b, a);
        a.Links.SetPeers([b.Id]);
        b.Links.SetPeers([a.Id]);
        var message = new byte[200];
        void Exchange(int count)
        {
            for (var i = 0; i < count; i++)
            {
                Assert.True(a.Links.TrySend(b.Id, message));
                Assert.True(b.Links.TrySend(a.Id, message));
            }
        }

        // Twice as long as a buffer of the log, so that all of them have been rented.
        Exchange(2000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Exchange(10_000);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal((12_000, 12_000), (a.Received, b.Received));

        // Not a byte per message; the shared pool keeps its arrays in ways of its own.
        Assert.InRange(allocated, 0, 10_000);
    }

    private sealed class QuietNode : FramesOnlyEngine, ILinkHandler
    {
        public QuietNode(string name, ManualTime time)
        {
            Id = new NodeId(name, 1);
            Links = new NodeLinks(Id, this, new LinkOptions(), time, NullLoggerFactory.Instance);
            Links.Start(this);
        }

        public NodeId Id { get; }

        public NodeLinks Links { get; }

        public QuietNode? Peer { get; set; }

        public int Received { get; private set; }

        public override ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
        {
            Peer!.Links.OnFrame(frame.Span);
            return ValueTask.CompletedTask;
        }

        public void OnConnected(NodeId peer)
        {
            // Nothing to do.
        }

        public void OnMessage(NodeId from, ReadOnlySpan<byte> message) => Received++;

        public void OnReset(NodeId peer)
        {
            // Nothing to do.
        }
    }
}
