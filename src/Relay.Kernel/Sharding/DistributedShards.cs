using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>What becomes of messages that a shard cannot take now. Thread-safe.</summary>
public interface IShardRefusals
{
    /// <summary>Whether its sender can be told so. A plain look at the message: it is asked under a lock.</summary>
    bool CanRefuse(object message);

    /// <summary>Tells the sender.</summary>
    void Refuse(object message, IActorRef? sender);
}

/// <summary>
/// A region whose shards live in several processes, seen from one of them. Its owner says of each shard whether it is served here, where else it is, or that nobody knows; until it
/// says so for the first time messages are held. Calls about one shard come from one thread at a time.
/// </summary>
public sealed class DistributedShards
{
    private readonly DistributedShardHost _host;

    internal DistributedShards(IActorRef region, DistributedShardHost host)
    {
        Region = region;
        _host = host;
    }

    /// <summary>What messages are told to.</summary>
    public IActorRef Region { get; }

    /// <summary>Shards in all.</summary>
    public int Count => _host.Count;

    /// <summary>The entities of the shard live here from now on. Not while an <see cref="Evict"/> is under way.</summary>
    public void Serve(int shard) => _host.Serve(shard);

    /// <summary>Messages for the shard go to <paramref name="owner"/>, as <see cref="IShardMessage"/>s.</summary>
    public void SendTo(int shard, IActorRef owner) => _host.Door(shard).Open(owner);

    /// <summary>Messages for the shard are held; entities that live here stay.</summary>
    public void Hold(int shard) => _host.Door(shard).Hold();

    /// <summary>Holds messages and lets all entities go, see <paramref name="stopMessage"/>.</summary>
    /// <param name="shard">Which.</param>
    /// <param name="stopMessage">Told to each entity behind everything that came before; it then stops itself, at once or when what it owes is done.</param>
    /// <param name="whenEmpty">Called once from any thread, perhaps at once, when none is left.</param>
    public void Evict(int shard, object stopMessage, Action whenEmpty) => _host.Evict(shard, stopMessage, whenEmpty);

    /// <summary>Tells every entity of the shard that lives here and is not about to go. Returns how many those are.</summary>
    public int TellAll(int shard, object message) => _host.TellAll(shard, message);

    /// <summary>While the shard is held: brings messages back that went out before everything that is held, in their order.</summary>
    public void Return(int shard, IReadOnlyList<(object Message, IActorRef? Sender)> messages) => _host.Door(shard).Return(messages);

    /// <summary>Forgets held messages of senders that will bring them again.</summary>
    public void Drop(int shard, Func<IActorRef?, bool> isSender) => _host.Door(shard).Drop(isSender);

    /// <summary>Refuses what has been held for longer than <paramref name="age"/>.</summary>
    public void RefuseOlder(TimeSpan age)
    {
        for (var shard = 0; shard < Count; shard++)
        {
            _host.Door(shard).RefuseOlder(age);
        }
    }

    /// <summary>Messages held, of all shards.</summary>
    public int CountHeld() => Enumerable.Range(0, Count).Sum(shard => _host.Door(shard).HeldCount);
}

/// <summary>One door for each shard, and behind some of them a <see cref="Shard"/>.</summary>
internal sealed class DistributedShardHost : IShardHost
{
    private readonly ActorCell _root;
    private readonly Func<string, Props> _entityProps;
    private readonly ShardRegionOptions _options;
    private readonly ShardDoor[] _doors;
    private readonly Shard?[] _shards;

    public DistributedShardHost(ActorCell root, Func<string, Props> entityProps, int shardCount, ShardRegionOptions options, int capacity, IShardRefusals refusals)
    {
        _root = root;
        _entityProps = entityProps;
        _options = options;
        _shards = new Shard?[shardCount];
        _doors = new ShardDoor[shardCount];
        for (var shard = 0; shard < shardCount; shard++)
        {
            _doors[shard] = new ShardDoor(root.System, root.Path / $"door-{shard}", capacity, refusals);
        }
    }

    public int Count => _doors.Length;

    public IActorRef Shard(int shard) => _doors[shard];

    public ShardDoor Door(int shard) => _doors[shard];

    public void Serve(int shard)
    {
        try
        {
            var local = _shards[shard] ??= new Shard(_root, shard, _entityProps, _options, _doors[shard]);
            local.Reopen();
            _doors[shard].Open(local);
        }
        catch (InvalidOperationException)
        {
            // The region is stopping.
            _doors[shard].Open(_root.System.DeadLetters);
        }
    }

    public void Evict(int shard, object stopMessage, Action whenEmpty)
    {
        _doors[shard].Hold();
        if (_shards[shard] is { } local)
        {
            local.Evict(stopMessage, whenEmpty);
        }
        else
        {
            whenEmpty();
        }
    }

    public int TellAll(int shard, object message) => _shards[shard]?.TellAll(message) ?? 0;

    public ShardRegionStats Stats(string typeName)
    {
        var counts = _shards.Select(static (shard, number) => (Number: number, Counts: shard?.Count() ?? default)).Where(one => _shards[one.Number] is not null).ToArray();
        return new ShardRegionStats(
            typeName,
            counts.ToDictionary(static one => one.Number, static one => one.Counts.Entities),
            counts.Sum(static one => one.Counts.Passivations),
            counts.Sum(static one => one.Counts.Overflowed));
    }
}
