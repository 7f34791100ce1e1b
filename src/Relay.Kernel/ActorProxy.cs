using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>
/// A ref that handles what it is told itself, on the teller's thread, and lives as long as one actor: whoever watches it is told <see cref="Terminated"/>, with this ref, when that
/// actor has stopped. For what lives outside this process, such as an entity of another node.
/// </summary>
public abstract class ActorProxy : IActorRef, IActorProxy
{
    private readonly ActorCell _lifetime;

    /// <param name="lifetime">The actor whose end is this ref's.</param>
    /// <exception cref="ArgumentException">It is no actor.</exception>
    protected ActorProxy(IActorRef lifetime) =>
        _lifetime = ActorRefs.CellOf(lifetime) ?? throw new ArgumentException($"{lifetime} is no actor", nameof(lifetime));

    /// <inheritdoc/>
    public ActorPath Path => _lifetime.Path;

    /// <inheritdoc/>
    public ActorSystem System => _lifetime.System;

    ActorCell IActorProxy.Target => _lifetime;

    /// <inheritdoc/>
    public abstract void Tell(object message, IActorRef? sender = null);

    /// <inheritdoc/>
    public override string ToString() => Path.ToString();
}
