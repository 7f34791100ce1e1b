using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>For actors that do long work in portions.</summary>
public static class TurnExtensions
{
    /// <summary>
    /// Ends the turn with the current message: what is left in the mailbox, and what the actor told itself, waits until others that are ready had their
    /// turns. Without it a message to oneself is mostly handled in the same turn, since a turn goes on while there are messages
    /// (<see cref="ActorSystemOptions.Throughput"/>).
    /// </summary>
    public static void EndTurn(this IActorContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        ((ActorCell)context).Yield();
    }
}
