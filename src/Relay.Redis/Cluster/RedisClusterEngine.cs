using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Commands;
using Relay.Redis.Resp;
using Relay.Redis.Servers;

namespace Relay.Redis.Cluster;

/// <summary>
/// A cluster's engine on Redis: each step on the state is one script on the main server, frames go over Pub/Sub of all servers that share (<see cref="ClusterFrames"/>). Connections of its
/// own: steps never wait behind frames, and neither behind what the rest of the node asks Redis.
/// </summary>
/// <remarks>
/// Fences are microseconds of Redis' clock, or one more than the highest known where that is not later; so they grow also when Redis has forgotten everything, and when its
/// clock was set back too, as long as one node remembers the highest (<see cref="Heartbeat.HighestFence"/>). A memory that may have lost something has another epoch:
/// the script compares the server's <c>run_id</c> with the one that wrote the state.
/// The user needs EVALSHA, SCRIPT LOAD, INFO, TIME, PUBLISH, SUBSCRIBE and hashes on <c>{prefix}:*</c>. A primary that a partition has cut off goes on serving those nodes
/// that reach it: <c>min-replicas-to-write 1</c> on the server ends that.
/// </remarks>
public sealed class RedisClusterEngine : IClusterEngine
{
    public const string StepsRole = "cluster";
    public const string FramesRole = "cluster-frames";

    // Lua's numbers are doubles: beyond this one they skip some.
    private const long MaxFence = (1L << 53) - 2;

    private readonly ClusterLink _steps;
    private readonly ClusterFrames _frames;
    private readonly RedisClusterOptions _options;
    private readonly ClusterKeys _keys;
    private readonly string _ring;
    private ClusterTable _table = ClusterTable.None;
    private string? _illness;

    /// <summary>With one server for everything.</summary>
    /// <param name="redis">Whose options are used; it stays its owner's.</param>
    /// <exception cref="ArgumentException">The options cannot work.</exception>
    public RedisClusterEngine(RedisClient redis, RedisServices services, RedisClusterOptions options)
        : this(redis, [new RedisServer(RedisServers.MainName, redis, Shares: true)], new HashRing([RedisServers.MainName]), services, options)
    {
    }

    /// <summary>With the state on the main server, and frames over all that share.</summary>
    /// <param name="servers">Whose options are used; they stay their owner's.</param>
    /// <exception cref="ArgumentException">The options cannot work.</exception>
    public RedisClusterEngine(RedisServers servers, RedisServices services, RedisClusterOptions options)
        : this((servers ?? throw new ArgumentNullException(nameof(servers))).Main, servers.Sharing, servers.Ring, services, options)
    {
    }

    private RedisClusterEngine(RedisClient main, IReadOnlyList<RedisServer> sharing, HashRing ring, RedisServices services, RedisClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(main);
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(options));
        _steps = new ClusterLink(main.Dedicated(StepsRole));
        _options = options;
        _keys = new ClusterKeys(options.Prefix);
        _ring = ring.ToString();
        _frames = new ClusterFrames(
            [.. sharing.Select(server => new FrameWay(server.Name, server.Client.Dedicated(FramesRole), ReferenceEquals(server.Client, main) ? _steps.Client : null))],
            ring, _steps.Client, _keys, options, services);
    }

    public string? Illness => _steps.Illness ?? Volatile.Read(ref _illness) ?? _frames.Illness;

    /// <summary>Which of several servers bring no frames, and why; null when all do. Frames go over the others meanwhile.</summary>
    public string? Detour => _frames.Detour;

    /// <summary>Begins to connect; returns at once. Until Redis is there calls fail, or wait as the Redis options say.</summary>
    public void Start()
    {
        _steps.Client.Start();
        _frames.Start();
    }

    /// <summary>Ends when steps can be made and frames be sent, over one server at least.</summary>
    public async Task WaitReadyAsync(CancellationToken cancellationToken = default)
    {
        await _steps.Client.WaitReadyAsync(cancellationToken);
        await _frames.WaitReadyAsync(cancellationToken);
    }

    public ValueTask<HeartbeatAnswer> HeartbeatAsync(Heartbeat beat)
    {
        ArgumentNullException.ThrowIfNull(beat);
        if (beat.Beat < 1 || beat.HighestFence is < 0 or > MaxFence)
            throw new ArgumentException($"Beat {beat.Beat} must be above zero, the highest fence {beat.HighestFence} at most {MaxFence}.", nameof(beat));
        var held = Volatile.Read(ref _table);
        List<RedisArg> arguments =
        [
            beat.Node.ToString(), _keys.Changes, beat.Epoch, NewEpoch(), beat.Beat, ClusterText.Word(beat.State), ClusterText.Facts(beat),
            beat.HighestFence, held.Epoch, held.Version, _options.Shards, _ring,
        ];
        foreach (var silent in beat.Silent)
        {
            arguments.Add(silent.Node.ToString());
            arguments.Add(silent.Beat);
        }

        return RunAsync(ClusterScripts.Heartbeat, _keys.State, arguments, reply => Read(reply, beat, held));
    }

    public ValueTask<ClaimAnswer> ClaimAsync(NodeId node, string epoch, IReadOnlyList<int> shards)
    {
        ArgumentNullException.ThrowIfNull(shards);
        List<RedisArg> arguments = [node.ToString(), _keys.Changes, epoch, NewEpoch()];
        foreach (var shard in shards)
            arguments.Add(shard);
        return RunAsync(ClusterScripts.Claim, _keys.State, arguments, static reply =>
        {
            var items = reply.Items;
            var claimed = new ClaimedShard[items.Length / 3];
            for (var i = 0; i < claimed.Length; i++)
                claimed[i] = new ClaimedShard((int)items[(3 * i) + 1].AsInteger(), items[(3 * i) + 2].AsInteger(), items[(3 * i) + 3].AsInteger());
            return new ClaimAnswer(items[0].AsString()!, claimed);
        });
    }

    public ValueTask<HandOverAnswer> HandOverAsync(NodeId from, NodeId to, string epoch, int shard, long fence)
    {
        List<RedisArg> arguments = [from.ToString(), _keys.Changes, epoch, NewEpoch(), to.ToString(), shard, fence];
        return RunAsync(ClusterScripts.HandOver, _keys.State, arguments, static reply => reply.Items[0].AsString() switch
        {
            "done" => new HandOverAnswer(HandOverOutcome.Done, reply.Items[1].AsInteger()),
            "not owner" => new HandOverAnswer(HandOverOutcome.NotOwner, 0),
            "target gone" => new HandOverAnswer(HandOverOutcome.TargetGone, 0),
            var other => throw RedisException.Protocol($"a hand-over was answered by '{other}'"),
        });
    }

    public async ValueTask ReleaseAsync(NodeId node, string epoch, IReadOnlyList<OwnedShard> shards)
    {
        ArgumentNullException.ThrowIfNull(shards);
        List<RedisArg> arguments = [node.ToString(), _keys.Changes, epoch, NewEpoch()];
        foreach (var owned in shards)
        {
            arguments.Add(owned.Shard);
            arguments.Add(owned.Fence);
        }

        await RunAsync(ClusterScripts.Release, _keys.State, arguments, static reply => reply.AsInteger());
    }

    public async ValueTask LeaveAsync(NodeId node) =>
        await RunAsync(ClusterScripts.Leave, _keys.State, [node.ToString(), _keys.Changes], static reply => reply.AsInteger());

    public ValueTask<Reservation> ReserveAsync(int slots, double perSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slots);
        if (!(perSecond > 0) || double.IsInfinity(perSecond))
            throw new ArgumentOutOfRangeException(nameof(perSecond), perSecond, "Slots per second must be above zero.");
        var gap = TimeSpan.FromSeconds(1 / perSecond);
        var microseconds = gap.TotalMicroseconds.ToString("0.0", CultureInfo.InvariantCulture);
        return RunAsync(ClusterScripts.Reserve, _keys.Slots, [slots, microseconds], reply => new Reservation(TimeSpan.FromMicroseconds(reply.AsInteger()), gap));
    }

    public ValueTask SendAsync(NodeId to, ReadOnlyMemory<byte> frame) => _frames.SendAsync(to, frame);

    public void Doubt(NodeId to) => _frames.Doubt(to);

    /// <remarks>
    /// The inbox counts as lost from the beginning: <see cref="IClusterListener.OnInboxRestored"/> is told for the first time when a message to itself has come back, so
    /// a node that waits for it before it joins misses nothing.
    /// </remarks>
    public void Listen(NodeId self, IClusterListener listener) => _frames.Listen(self, listener);

    public void Resubscribe(string reason) => _frames.Resubscribe(reason);

    public async ValueTask DisposeAsync()
    {
        await _frames.DisposeAsync();
        await _steps.DisposeAsync();
    }

    private static string NewEpoch() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private HeartbeatAnswer Read(in RedisValue reply, Heartbeat beat, ClusterTable held)
    {
        var epoch = reply.Items[0].AsString()!;
        var version = reply.Items[1].AsInteger();
        var said = reply.Items[2].Items;
        var members = new Member[said.Length / 2];
        for (var i = 0; i < members.Length; i++)
            members[i] = ClusterText.Member(said[2 * i].AsString()!, said[(2 * i) + 1].AsString()!);
        var table = reply.Items[3].IsNull ? held : ClusterTable.Read(epoch, version, reply.Items[3].Items);
        Volatile.Write(ref _table, table);
        var isSameEpoch = epoch == beat.Epoch;
        return new HeartbeatAnswer
        {
            Epoch = epoch,
            Version = version,
            Members = members,
            LostLeases = isSameEpoch ? table.Lost(beat.Node, beat.Leases) : [.. beat.Leases.Select(static lease => lease.Shard)],
            Table = isSameEpoch && beat.KnownVersion == version ? null : table.Entries,
        };
    }

    private async ValueTask<T> RunAsync<T>(RedisScript script, string key, List<RedisArg> arguments, Func<RedisValue, T> read)
    {
        try
        {
            var result = read(await script.RunAsync(_steps.Client, _options.StepTimeout, [key], CollectionsMarshal.AsSpan(arguments)));
            Volatile.Write(ref _illness, null);
            return result;
        }
        catch (RedisException error)
        {
            Volatile.Write(ref _illness, $"step {script.Name} of the cluster failed: {error.Message}");
            throw _steps.Fault(error);
        }
    }
}
