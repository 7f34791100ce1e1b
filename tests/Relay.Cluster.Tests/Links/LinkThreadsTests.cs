using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Cluster.Engine;
using Relay.Cluster.Links;
using Relay.Cluster.TestKit;
using Relay.Testing;

namespace Relay.Cluster.Tests.Links;

/// <summary>Many threads at the same links.</summary>
public sealed class LinkThreadsTests
{
    private const int Threads = 4;

    [Fact]
    public async Task Messages_of_each_thread_arrive_once_and_in_its_order()
    {
        const int Messages = 5000;
        var cluster = new SimulatedCluster(TimeProvider.System);
        await using var a = new ThreadedNode("a", cluster);
        await using var b = new ThreadedNode("b", cluster);
        a.Meet(b);
        b.Meet(a);
        await Task.WhenAll(Enumerable.Range(0, Threads).SelectMany(thread => new[] { a.SendAsync(b, thread, Messages), b.SendAsync(a, thread, Messages) }));
        await Eventually.Until(() => a.Received == Threads * Messages && b.Received == Threads * Messages);
        Assert.Null(a.Fault);
        Assert.Null(b.Fault);
    }

    [Fact]
    public async Task Resets_from_any_thread_leave_sessions_whole()
    {
        var cluster = new SimulatedCluster(TimeProvider.System);
        await using var a = new ThreadedNode("a", cluster);
        await using var b = new ThreadedNode("b", cluster);
        a.Meet(b);
        b.Meet(a);
        var resetting = a.OnThread(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                (i % 2 == 0 ? a : b).Links.Reset((i % 2 == 0 ? b : a).Id);
                if (i % 100 == 50)
                {
                    a.Links.SetPeers([]);
                    a.Meet(b);
                }
            }
        });
        var talking = new[] { a.OnThread(() => Talk(a, b)), b.OnThread(() => Talk(b, a)) };
        await resetting;
        await Task.WhenAll(talking);
        await Eventually.Until(() => a.IsConnected && b.IsConnected);
        Assert.Null(a.Fault);
        Assert.Null(b.Fault);
    }

    private static void Talk(ThreadedNode from, ThreadedNode to)
    {
        for (var i = 0; i < 20_000; i++)
        {
            from.Links.TrySend(to.Id, new byte[8]);
        }
    }

    private sealed class ThreadedNode : IClusterListener, ILinkHandler, IAsyncDisposable
    {
        private readonly SimulatedEngine _engine;
        private readonly int[] _next = new int[Threads];
        private int _inside;
        private int _received;
        private volatile bool _checksOrder;
        private volatile bool _isConnected;
        private volatile string? _fault;

        public ThreadedNode(string name, SimulatedCluster cluster)
        {
            Id = new NodeId(name, 1);
            _engine = new SimulatedEngine(cluster);
            Links = new NodeLinks(Id, _engine, new LinkOptions(), TimeProvider.System, NullLoggerFactory.Instance);
            Links.Start(this);
            _engine.Listen(Id, this);
        }

        public NodeId Id { get; }

        public NodeLinks Links { get; }

        public int Received => Volatile.Read(ref _received);

        public bool IsConnected => _isConnected;

        public string? Fault => _fault;

        public void Meet(ThreadedNode peer) => Links.SetPeers([peer.Id]);

        public Task OnThread(Action action) =>
            Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        public Task SendAsync(ThreadedNode to, int thread, int count)
        {
            to._checksOrder = true;
            return OnThread(() =>
            {
                var message = new byte[8];
                BinaryPrimitives.WriteInt32LittleEndian(message, thread);
                for (var i = 0; i < count; i++)
                {
                    BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), i);
                    SpinWait.SpinUntil(() => Links.TrySend(to.Id, message));
                }
            });
        }

        public void OnFrame(ReadOnlySpan<byte> frame) => Links.OnFrame(frame);

        public void OnChanged(long version)
        {
            // There is no store here.
        }

        public void OnInboxLost()
        {
            // Never.
        }

        public void OnInboxRestored() => Links.OnInboxRestored();

        public void OnConnected(NodeId peer) => Inside(() =>
        {
            if (_isConnected)
            {
                _fault = "connected twice";
            }

            _isConnected = true;
        });

        public void OnReset(NodeId peer) => Inside(() =>
        {
            if (!_isConnected)
            {
                _fault = "reset twice";
            }

            _isConnected = false;
        });

        public void OnMessage(NodeId from, ReadOnlySpan<byte> message)
        {
            var (thread, number) = (BinaryPrimitives.ReadInt32LittleEndian(message), BinaryPrimitives.ReadInt32LittleEndian(message[4..]));
            Inside(() =>
            {
                if (!_isConnected)
                {
                    _fault = "a message without a session";
                }

                if (_checksOrder && number != _next[thread])
                {
                    _fault = $"message {number} of thread {thread} instead of {_next[thread]}";
                }

                _next[thread] = number + 1;
                Interlocked.Increment(ref _received);
            });
        }

        public async ValueTask DisposeAsync()
        {
            await Links.DisposeAsync();
            await _engine.DisposeAsync();
        }

        private void Inside(Action action)
        {
            if (Interlocked.Increment(ref _inside) != 1)
            {
                _fault = "two calls at a time";
            }

            action();
            Interlocked.Decrement(ref _inside);
        }
    }
}
