using System.Text;
using Relay.Cluster.Links;
using Relay.Kernel.TestKit;
using Relay.Testing;

namespace Relay.Cluster.Tests.Links;

/// <summary>Two linked nodes, a and b, on one thread. A frame is heard before the call that sent it returns, unless a test decides otherwise.</summary>
internal sealed class LinkNet : IDisposable
{
    public LinkNet(LinkOptions? options = null)
    {
        A = new TestNode("a", this, options ?? new LinkOptions());
        B = new TestNode("b", this, options ?? new LinkOptions());
    }

    public ManualTime Time { get; } = new();

    public TestNode A { get; }

    public TestNode B { get; }

    /// <summary>Two nodes in session, with nothing left to say.</summary>
    public static LinkNet Connected(LinkOptions? options = null)
    {
        var net = new LinkNet(options);
        net.Meet();
        net.Pass(100);
        net.A.Told.Clear();
        net.B.Told.Clear();
        net.A.Sent.Clear();
        net.B.Sent.Clear();
        return net;
    }

    public void Meet()
    {
        A.Links.SetPeers([A.Id, B.Id]);
        B.Links.SetPeers([A.Id, B.Id]);
    }

    public void Pass(double milliseconds) => Time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    public TestNode? Find(NodeId id) => A.Id == id ? A : B.Id == id ? B : null;

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}

/// <summary>A node of a <see cref="LinkNet"/>: notes what its handler is told, and what it sends.</summary>
internal sealed class TestNode : FramesOnlyEngine, ILinkHandler, IDisposable
{
    private readonly LinkNet _net;
    private readonly Queue<InlineSend> _held = new();

    public TestNode(string name, LinkNet net, LinkOptions options)
    {
        _net = net;
        Id = new NodeId(name, name[0]);
        Links = new NodeLinks(Id, this, options, net.Time, Logs);
        Counts = new CounterSums(Links.Meter);
        Links.Start(this);
    }

    public NodeId Id { get; }

    public NodeLinks Links { get; }

    public LogLines Logs { get; } = new();

    public CounterSums Counts { get; }

    /// <summary>"connected", "reset", and messages as text.</summary>
    public List<string> Told { get; } = [];

    /// <summary>Headers of the frames that were handed over, also of those that get lost.</summary>
    public List<LinkHeader> Sent { get; } = [];

    /// <summary>Runs within every call of the handler, with what was told. What it throws ends at the links.</summary>
    public Action<string>? React { get; set; }

    /// <summary>Data frames that got lost, whole.</summary>
    public List<byte[]> Lost { get; } = [];

    /// <summary>Which frames get lost.</summary>
    public Func<LinkHeader, bool> Loses { get; set; } = static _ => false;

    /// <summary>Frames are taken only by <see cref="Release"/>; they arrive all the same.</summary>
    public bool Holds { get; set; }

    public Exception? Failure { get; set; }

    /// <summary>How often the engine was told that what is sent seems not to arrive.</summary>
    public int Doubts { get; private set; }

    public int Held => _held.Count;

    public bool Send(TestNode to, string message) => Links.TrySend(to.Id, Encoding.UTF8.GetBytes(message));

    public void Release(Exception? failure = null) => _held.Dequeue().Complete(failure);

    public override ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame)
    {
        Assert.Equal(LinkDrop.None, LinkFrame.Read(frame.Span, out var header, out _, out _));
        Sent.Add(header);
        if (Failure is not null)
        {
            throw Failure;
        }

        var send = new InlineSend();
        if (Holds)
        {
            _held.Enqueue(send);
        }
        else
        {
            send.Complete();
        }

        if (!Loses(header))
        {
            _net.Find(to)?.Links.OnFrame(frame.Span);
        }
        else if (header.Count > 0)
        {
            Lost.Add(frame.ToArray());
        }

        return send.Task;
    }

    public override void Doubt(NodeId to) => Doubts++;

    public void OnConnected(NodeId peer) => Tell("connected");

    public void OnMessage(NodeId from, ReadOnlySpan<byte> message) => Tell(Encoding.UTF8.GetString(message));

    public void OnReset(NodeId peer) => Tell("reset");

    public void Dispose()
    {
        Links.DisposeAsync().AsTask().Wait();
        Counts.Dispose();
    }

    private void Tell(string what)
    {
        Told.Add(what);
        React?.Invoke(what);
    }
}
