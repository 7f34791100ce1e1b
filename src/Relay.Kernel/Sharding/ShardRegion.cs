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
    /// Makes the recipe of an entity; runs on the shard's turn. When it throws, the message becomes a dead letter, its sender is told
    /// <see cref="Status.Failure"/>, and <see cref="ActorFailed"/> is published.
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
        options ??= new ShardRegionOptions();
        var root = system.SystemGuardian.StartChild(
            Props.Create(static () => new ShardRegionRoot()), "sharding-" + typeName, isGuardian: true);
        return new ShardRegionRef(root, typeName, shardCount, new LocalShardHost(root, entityProps, shardCount, options));
    }

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
/// Decides who hosts a shard. The local host starts the shard's actor here; a cluster's host answers with the actor of a shard it
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
internal sealed class LocalShardHost : IShardHost
{
    private readonly ActorCell _root;
    private readonly Func<string, Props> _entityProps;
    private readonly ShardRegionOptions _options;
    private readonly ShardState?[] _shards;

    public LocalShardHost(ActorCell root, Func<string, Props> entityProps, int shardCount, ShardRegionOptions options)
    {
        _root = root;
        _entityProps = entityProps;
        _options = options;
        _shards = new ShardState?[shardCount];
    }

    public IActorRef Shard(int shard) => Volatile.Read(ref _shards[shard])?.Actor ?? StartShard(shard);

    public ShardRegionStats Stats(string typeName)
    {
        var entities = new SortedDictionary<int, int>();
        long passivations = 0;
        long overflowed = 0;
        for (var shard = 0; shard < _shards.Length; shard++)
        {
            if (Volatile.Read(ref _shards[shard]) is { } state)
            {
                entities.Add(shard, Volatile.Read(ref state.Entities));
                passivations += Interlocked.Read(ref state.Passivations);
                overflowed += Interlocked.Read(ref state.Overflowed);
            }
        }

        return new ShardRegionStats(typeName, entities, passivations, overflowed);
    }

    private IActorRef StartShard(int shard)
    {
        lock (_shards)
        {
            if (_shards[shard] is { } existing)
            {
                return existing.Actor!;
            }

            var state = new ShardState();
            var props = Props.Create(() => new ShardActor(state, _entityProps, _options)).WithStrategy(_options.EntityStrategy);
            try
            {
                state.Actor = _root.StartChild(props, shard.ToString());
            }
            catch (InvalidOperationException)
            {
                // The region is stopping: a tell does not throw, its message is a dead letter.
                return _root.System.DeadLetters;
            }

            Volatile.Write(ref _shards[shard], state);
            return state.Actor;
        }
    }
}
