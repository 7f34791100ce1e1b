using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>Entry to sharded entities: actors found by id, started by the first message, wherever they live.</summary>
public static class ShardRegion
{
    public const int DefaultShardCount = 256;

    /// <summary>
    /// Starts the region of one type of entity and returns its ref. Tell it <see cref="IShardMessage"/>s; ask it
    /// <see cref="GetShardRegionStats"/>; <see cref="PoisonPill"/> or <c>Stop</c> end it with all its entities. Anything else is unhandled.
    /// </summary>
    /// <param name="typeName">Unique within the system; part of the entities' paths: <c>/system/sharding-TYPE/SHARD/ID</c>.</param>
    /// <param name="entityProps">
    /// Makes the recipe of an entity. Runs on the thread of whoever told the entity's first message, or on the shard's turn when the message was kept during a
    /// passivation; so it must be thread-safe, and of two first messages told at once each may make one, of which one is used. When it throws,
    /// the message becomes a dead letter, its sender is told <see cref="Status.Failure"/>, and <see cref="ActorFailed"/> is published.
    /// </param>
    /// <param name="shardCount">Never change it while entities of other nodes or stored placements exist.</param>
    /// <exception cref="InvalidActorNameException">A region of this type exists already.</exception>
    public static IActorRef Start(
        ActorSystem system, string typeName, Func<string, Props> entityProps, int shardCount = DefaultShardCount, ShardRegionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentException.ThrowIfNullOrEmpty(typeName);
        ArgumentNullException.ThrowIfNull(entityProps);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardCount);
        var root = StartRoot(system, typeName);
        return new ShardRegionRef(root, typeName, shardCount, new LocalShardHost(root, entityProps, shardCount, options ?? new ShardRegionOptions()));
    }

    /// <summary>As <see cref="Start"/>, for a region that shares its shards with other processes.</summary>
    /// <param name="refusals">Answers what cannot be held.</param>
    /// <param name="capacity">Most messages held for one shard.</param>
    /// <inheritdoc cref="Start"/>
    public static DistributedShards StartDistributed(
        ActorSystem system, string typeName, Func<string, Props> entityProps, int shardCount, ShardRegionOptions options, IShardRefusals refusals, int capacity = 100_000)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentException.ThrowIfNullOrEmpty(typeName);
        ArgumentNullException.ThrowIfNull(entityProps);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardCount);
        var root = StartRoot(system, typeName);
        var host = new DistributedShardHost(root, entityProps, shardCount, options, capacity, refusals);
        return new DistributedShards(new ShardRegionRef(root, typeName, shardCount, host), host);
    }

    private static ActorCell StartRoot(ActorSystem system, string typeName) =>
        system.SystemGuardian.StartChild(Props.Create(static () => new ShardRegionRoot()), "sharding-" + typeName, isGuardian: true);

    /// <summary>Parent of the shards; they are started from any thread, as the first message for each comes.</summary>
    private sealed class ShardRegionRoot : ActorBase
    {
        // Whatever befalls a shard (an entity may tell its parent anything): the host's table points at it for good.
        private static readonly OneForOneStrategy Restart = new(static _ => Directive.Restart);

        protected override void OnReceive(object message) => Unhandled(message);

        protected override SupervisorStrategy SupervisorStrategy() => Restart;

        // Shards outlive a failure (Kill) of this actor: the table of the host keeps pointing at them.
        protected override void PreRestart(Exception reason, object? message) => PostStop();
    }
}

/// <summary>
/// Decides who hosts a shard. The local host answers with a <see cref="Shard"/> of this process; a cluster's host with one that it
/// owns, or with a ref that sends to the owner. Called for every message, from any thread.
/// </summary>
internal interface IShardHost
{
    /// <param name="shard">0 to the number of shards - 1.</param>
    IActorRef Shard(int shard);

    ShardRegionStats Stats(string typeName);
}

/// <summary>The region: stateless, it runs on the thread of whoever tells it something. There is no hop through a router actor.</summary>
internal sealed class ShardRegionRef(ActorCell root, string typeName, int shardCount, IShardHost host) : IActorRef, IActorProxy
{
    public ActorPath Path => root.Path;

    public ActorSystem System => root.System;

    public ActorCell Target => root;

    public void Tell(object message, IActorRef? sender = null)
    {
        switch (message)
        {
            case IShardMessage sharded:
                host.Shard(ShardHash.ShardOf(sharded.EntityId, shardCount)).Tell(message, sender);
                break;
            case GetShardRegionStats:
                sender?.Tell(host.Stats(typeName), this);
                break;
            case AutoReceivedMessage:
                root.Tell(message, sender);
                break;
            default:
                ArgumentNullException.ThrowIfNull(message);
                root.System.PublishUnhandled(message, sender, this);
                break;
        }
    }

    public override string ToString() => Path.ToString();
}

/// <summary>Hosts all shards in this process.</summary>
internal sealed class LocalShardHost(ActorCell root, Func<string, Props> entityProps, int shardCount, ShardRegionOptions options) : IShardHost
{
    private readonly Shard?[] _shards = new Shard?[shardCount];

    public IActorRef Shard(int shard) => Volatile.Read(ref _shards[shard]) ?? StartShard(shard);

    public ShardRegionStats Stats(string typeName)
    {
        var byShard = new SortedDictionary<int, int>();
        long allPassivations = 0;
        long allOverflowed = 0;
        for (var shard = 0; shard < _shards.Length; shard++)
        {
            if (Volatile.Read(ref _shards[shard]) is { } used)
            {
                var (entities, passivations, overflowed) = used.Count();
                byShard.Add(shard, entities);
                allPassivations += passivations;
                allOverflowed += overflowed;
            }
        }

        return new ShardRegionStats(typeName, byShard, allPassivations, allOverflowed);
    }

    private IActorRef StartShard(int shard)
    {
        lock (_shards)
        {
            if (_shards[shard] is { } existing)
            {
                return existing;
            }

            try
            {
                var started = new Shard(root, shard, entityProps, options);
                Volatile.Write(ref _shards[shard], started);
                return started;
            }
            catch (InvalidOperationException)
            {
                // The region is stopping: a tell does not throw, its message is a dead letter.
                return root.System.DeadLetters;
            }
        }
    }
}
