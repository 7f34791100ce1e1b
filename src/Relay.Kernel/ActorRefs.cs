using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>Refs that stand for no living actor.</summary>
public static class ActorRefs
{
    /// <summary>"No sender": the receiver's <c>Sender</c> is then the dead letters.</summary>
    public static IActorRef? NoSender => null;

    /// <summary>Swallows everything, silently.</summary>
    public static IActorRef Nobody { get; } = new NobodyRef();

    /// <summary>The cell behind a ref; null for refs that are no actor.</summary>
    internal static ActorCell? CellOf(IActorRef actor) => actor as ActorCell ?? (actor as IActorProxy)?.Target;

    private sealed class NobodyRef : IActorRef
    {
        public ActorPath Path { get; } = new(null, "nobody");

        public ActorSystem? System => null;

        public void Tell(object message, IActorRef? sender = null)
        {
        }

        public override string ToString() => "Nobody";
    }
}

/// <summary>A ref that distributes messages itself but lives and dies with one actor (a shard region).</summary>
internal interface IActorProxy
{
    ActorCell Target { get; }
}
