using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Servers;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>One node with its engine, its Redis client and what it has learnt; enough of a member to ask the questions of a test.</summary>
internal sealed class ClusterNode : IAsyncDisposable
{
    // No echo but the one that shows that the inbox works; no time-out on a slow machine.
    public static readonly RedisClusterOptions Silent = new() { EchoPeriod = TimeSpan.FromHours(1), StepTimeout = TimeSpan.FromSeconds(30) };

    private readonly IAsyncDisposable _redis;
    private long _beat;

    private ClusterNode(string name, IAsyncDisposable redis, RedisClusterEngine engine)
    {
        Id = new NodeId(name, (ulong)(name[0] * 1000));
        _redis = redis;
        Engine = engine;
    }

    public NodeId Id { get; }

    public RedisClusterEngine Engine { get; }

    /// <summary>As the last answer said.</summary>
    public string Epoch { get; private set; } = "";

    public long Version { get; private set; }

    public long HighestFence { get; set; }

    public MemberState State { get; set; } = MemberState.Up;

    public long Beat => _beat;

    /// <summary>A node whose engine is connected. It is no member yet.</summary>
    public static async Task<ClusterNode> StartAsync(string name, RedisOptions options, RedisClusterOptions? cluster = null, RedisServices? services = null)
    {
        services ??= new RedisServices();
        var redis = new RedisClient(options, services);
        return await StartedAsync(new ClusterNode(name, redis, new RedisClusterEngine(redis, services, cluster ?? Silent)));
    }

    /// <summary>As above, with several servers, the main one first.</summary>
    public static Task<ClusterNode> StartAsync(string name, IReadOnlyList<RedisServerOptions> servers, RedisClusterOptions? cluster = null)
    {
        var redis = new RedisServers(servers, new RedisServices());
        return StartedAsync(new ClusterNode(name, redis, new RedisClusterEngine(redis, new RedisServices(), cluster ?? Silent)));
    }

    public static Task<ClusterNode> StartAsync(string name, RedisServerProcess server) => StartAsync(name, Contracts.Options(server.Endpoint));

    /// <summary>A node that is a member and up.</summary>
    public static async Task<ClusterNode> JoinAsync(string name, RedisServerProcess server)
    {
        var node = await StartAsync(name, server);
        await node.HeartbeatAsync();
        return node;
    }

    public Heartbeat Next(params IReadOnlyList<OwnedShard> leases) => new()
    {
        Node = Id, Beat = ++_beat, State = State, ProgramVersion = "1.2 beta", Address = "10.0.0.1:9000 #1", Load = 7,
        Epoch = Epoch, KnownVersion = Version, HighestFence = HighestFence, Leases = leases,
    };

    public Task<HeartbeatAnswer> HeartbeatAsync(params IReadOnlyList<OwnedShard> leases) => HeartbeatAsync(Next(leases));

    public async Task<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat)
    {
        var answer = await Engine.HeartbeatAsync(beat);
        (Epoch, Version) = (answer.Epoch, answer.Version);
        return answer;
    }

    /// <summary>What it got, in the order of the question.</summary>
    public async Task<IReadOnlyList<OwnedShard>> ClaimAsync(params IReadOnlyList<int> shards) =>
        [.. (await Engine.ClaimAsync(Id, Epoch, shards)).Claimed.Select(static claimed => new OwnedShard(claimed.Shard, claimed.Fence))];

    public async Task<long> ClaimOneAsync(int shard) => Assert.Single(await ClaimAsync(shard)).Fence;

    public Task<HandOverAnswer> HandOverAsync(ClusterNode to, int shard, long fence) => Engine.HandOverAsync(Id, to.Id, Epoch, shard, fence).AsTask();

    /// <summary>Forgets the version, so the next answer brings the table.</summary>
    public async Task<IReadOnlyList<ShardEntry>> TableAsync()
    {
        Version = 0;
        return [.. (await HeartbeatAsync()).Table!.OrderBy(static entry => entry.Shard)];
    }

    private static async Task<ClusterNode> StartedAsync(ClusterNode node)
    {
        node.Engine.Start();
        await node.Engine.WaitReadyAsync().WaitAsync(Contracts.Patience, TimeProvider.System);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        await _redis.DisposeAsync();
    }
}
