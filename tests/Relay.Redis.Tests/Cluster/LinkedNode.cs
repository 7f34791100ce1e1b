using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Links;
using Relay.Redis.Cluster;
using Relay.Redis.Servers;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>A node whose links go over a real Redis. Sends numbered messages of any size and checks the numbers of those that come in.</summary>
internal sealed class LinkedNode : IClusterListener, ILinkHandler, IAsyncDisposable
{
    private const int Large = 300_000;

    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClusterNode _node;
    private readonly NodeLinks _links;
    private int _received;
    private int _restored;
    private int _resets;
    private volatile string? _fault;

    private LinkedNode(ClusterNode node)
    {
        _node = node;
        _links = new NodeLinks(node.Id, node.Engine, new LinkOptions(), TimeProvider.System, NullLoggerFactory.Instance);
    }

    public NodeId Id => _node.Id;

    public int Received => Volatile.Read(ref _received);

    /// <summary>How often frames came in again, the first time included.</summary>
    public int Restored => Volatile.Read(ref _restored);

    public int Resets => Volatile.Read(ref _resets);

    public string? Fault => _fault;

    public RedisClusterEngine Engine => _node.Engine;

    public static async Task<LinkedNode> StartAsync(string name, RedisServerProcess server) => Started(await ClusterNode.StartAsync(name, server));

    /// <summary>Over several servers, the main one first.</summary>
    public static async Task<LinkedNode> StartAsync(string name, IReadOnlyList<RedisServerOptions> servers, RedisClusterOptions options) =>
        Started(await ClusterNode.StartAsync(name, servers, options));

    private static LinkedNode Started(ClusterNode clusterNode)
    {
        var node = new LinkedNode(clusterNode);
        node._links.Start(node);
        node._node.Engine.Listen(node.Id, node);
        return node;
    }

    public void Meet(LinkedNode peer) => _links.SetPeers([Id, peer.Id]);

    public Task ConnectedAsync() => _connected.Task.WaitAsync(Contracts.Patience, TimeProvider.System);

    /// <summary>Sends messages numbered from 0, most of them small, some larger than a frame, until told to stop.</summary>
    /// <returns>How many.</returns>
    public async Task<int> SendAsync(NodeId to, CancellationToken stop)
    {
        var buffer = new byte[Large];
        for (var i = 0; ; i++)
        {
            if (stop.IsCancellationRequested)
                return i;
            var length = i % 1000 == 500 ? Large : 4 + (i % 200);
            BinaryPrimitives.WriteInt32LittleEndian(buffer, i);
            while (!_links.TrySend(to, buffer.AsSpan(0, length)))
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, CancellationToken.None);
            if (i % 64 == 0)
                await Task.Yield();
        }
    }

    public void OnFrame(ReadOnlySpan<byte> frame) => _links.OnFrame(frame);

    public void OnChanged(long version)
    {
        // Members are told by the test.
    }

    public void OnInboxLost()
    {
        // Links need to know only when it is back.
    }

    public void OnInboxRestored()
    {
        Interlocked.Increment(ref _restored);
        _links.OnInboxRestored();
    }

    public void OnConnected(NodeId peer) => _connected.TrySetResult();

    public void OnReset(NodeId peer) => Interlocked.Increment(ref _resets);

    public void OnMessage(NodeId from, ReadOnlySpan<byte> message)
    {
        var expected = Received;
        var number = BinaryPrimitives.ReadInt32LittleEndian(message);
        if (number != expected || message.Length != (number % 1000 == 500 ? Large : 4 + (number % 200)))
            _fault ??= $"got {number} of {message.Length} bytes instead of {expected}";
        Volatile.Write(ref _received, expected + 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _links.DisposeAsync();
        await _node.DisposeAsync();
    }
}
