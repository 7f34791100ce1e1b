namespace Relay.Kernel;

/// <summary>
/// Recipe of an actor: immutable, shareable by any number of actors, used again for each restart.
/// </summary>
public sealed class Props
{
    private Props(Func<ActorBase> producer, SupervisorStrategy? strategy, int? stashCapacity)
    {
        Producer = producer;
        SupervisorStrategy = strategy;
        StashCapacity = stashCapacity;
    }

    /// <summary>How this actor supervises its children; wins over the actor's own <c>SupervisorStrategy()</c>.</summary>
    public SupervisorStrategy? SupervisorStrategy { get; }

    /// <summary>Bound of the actor's stash; null takes <see cref="ActorSystemOptions.StashCapacity"/>.</summary>
    public int? StashCapacity { get; }

    internal Func<ActorBase> Producer { get; }

    /// <summary>The factory runs on the new actor's first turn and on every restart; it must return a new instance each time.</summary>
    public static Props Create<T>(Func<T> factory)
        where T : ActorBase
    {
        ArgumentNullException.ThrowIfNull(factory);
        return new Props(factory, null, null);
    }

    public static Props Create<T>()
        where T : ActorBase, new() => new(static () => new T(), null, null);

    public Props WithStrategy(SupervisorStrategy strategy) => new(Producer, strategy, StashCapacity);

    public Props WithStashCapacity(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        return new(Producer, SupervisorStrategy, capacity);
    }
}
