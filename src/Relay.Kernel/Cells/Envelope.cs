namespace Relay.Kernel.Cells;

/// <summary>One message in a mailbox and the link to the next: all that a tell allocates.</summary>
internal sealed class Envelope(object message, IActorRef? sender)
{
    /// <summary>Stands in the inbox of a stopped actor: nothing may be pushed on it.</summary>
    public static readonly Envelope Closed = new(new object(), null);

    public readonly object Message = message;
    public readonly IActorRef? Sender = sender;
    public Envelope? Next;
}
