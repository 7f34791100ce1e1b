namespace Relay.Kernel;

/// <summary>A message that names the entity it is for; the entity receives the message itself.</summary>
public interface IShardMessage
{
    /// <summary>Non-empty; also the name of the entity's actor.</summary>
    string EntityId { get; }
}

/// <summary>Wraps a message for an entity; the entity receives <paramref name="Message"/>.</summary>
public sealed record ShardEnvelope(string EntityId, object Message) : IShardMessage;

/// <summary>
/// Told by an entity to its parent (with itself as sender) when it wants to go: the shard answers with <paramref name="StopMessage"/> and
/// keeps what arrives meanwhile for the next incarnation. The entity stops itself when the stop message comes; with
/// <see cref="PoisonPill"/> that happens by itself.
/// </summary>
public sealed record Passivate(object StopMessage);

/// <summary>Asks a region for <see cref="ShardRegionStats"/>.</summary>
public sealed class GetShardRegionStats
{
    private GetShardRegionStats()
    {
    }

    public static GetShardRegionStats Instance { get; } = new();
}

/// <param name="EntitiesByShard">Living entities of each shard that was ever used.</param>
/// <param name="Passivations">Passivations begun since start.</param>
/// <param name="Overflowed">Messages that found the buffer of a passivating entity full and became dead letters.</param>
public sealed record ShardRegionStats(string TypeName, IReadOnlyDictionary<int, int> EntitiesByShard, long Passivations, long Overflowed)
{
    public int Entities => EntitiesByShard.Values.Sum();
}

/// <summary>Settings of a region. Immutable.</summary>
public sealed record ShardRegionOptions
{
    /// <summary>Most messages kept for one entity while it passivates.</summary>
    public int BufferCapacity { get; init; } = 1000;

    /// <summary>
    /// How shards answer failures of entities. Default: restart with back-off, without limit: a shard has no use for an entity that stays down,
    /// since the next message would start it again.
    /// </summary>
    public SupervisorStrategy EntityStrategy { get; init; } = new OneForOneStrategy(
        limits: new RestartLimits { MinBackoff = TimeSpan.FromMilliseconds(100), MaxBackoff = TimeSpan.FromSeconds(10) });
}
