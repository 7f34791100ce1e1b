using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Cluster.Node;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// Which shards this node serves, under which fences, for those who ask from other threads. A question of another node is taken under the token it names or not at all: its coming in
/// and the shard's end cannot pass each other.
/// </summary>
internal sealed class ServedShards(int count, ClusterView view, TimeProvider time, Action<int, long> fenced) : IShardOwnership, IServedShards
{
    /// <summary>Within this time the replicas of other nodes find a new owner, those on a slow machine included.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(2);

    private readonly Lock[] _gates = [.. Enumerable.Range(0, count).Select(static _ => new Lock())];
    private readonly long[] _fences = new long[count];
    private readonly long[] _tokens = new long[count];
    private readonly long[] _since = new long[count];
    private readonly bool[] _lost = new bool[count];
    private long _version;

    public int Count => count;

    public long Version => Volatile.Read(ref _version);

    public bool MayAct => view.MayAct;

    public bool Owns(string channel) => FenceOf(channel) != 0 && MayActOn(channel);

    public bool MayActOn(string channel) => MayAct && !Volatile.Read(ref _lost[ShardOf(channel)]);

    public long FenceOf(string channel) => FenceOf(ShardOf(channel));

    public long FenceOf(int shard) => Volatile.Read(ref _fences[shard]);

    public bool HasJustBegun(string channel) => time.GetElapsedTime(Volatile.Read(ref _since[ShardOf(channel)])) < Settling;

    public bool IsMember(string node) => view.Status.Members.Any(member => member.Node.ToString().Equals(node, StringComparison.Ordinal));

    /// <summary>Whether a node was about to go, so that everything of it had gone over to others before.</summary>
    public bool IsLeaving(NodeId node) => view.Status.Members.Any(member => member.Node == node && member.State == MemberState.Leaving);

    public void Fenced(string channel, long seen) => fenced(ShardOf(channel), seen);

    public int ShardOf(string channel) => ShardHash.ShardOf(channel, count);

    /// <summary>It is another's, or nobody's: nothing more may be done for it, although its channels still end.</summary>
    public void Lose(int shard) => Volatile.Write(ref _lost[shard], true);

    /// <summary>0 = served no more. When it returns nothing comes in under another token.</summary>
    public void Set(int shard, long fence, long token)
    {
        lock (_gates[shard])
        {
            Volatile.Write(ref _fences[shard], fence);
            Volatile.Write(ref _lost[shard], false);
            _tokens[shard] = token;
            Volatile.Write(ref _since[shard], time.GetTimestamp());
        }

        Interlocked.Add(ref _version, fence == 0 ? 0 : 1);
    }

    /// <summary>Tells the region a question of another node, if the shard is served under the token that it names.</summary>
    public void Take(int shard, long token, IActorRef region, object message, IActorRef asker)
    {
        if ((uint)shard >= (uint)count)
        {
            throw WireReader.Malformed();
        }

        lock (_gates[shard])
        {
            if (_tokens[shard] == token)
            {
                region.Tell(message, asker);
            }
        }
    }
}
