namespace Relay.Kernel.Bench;

/// <summary>Sets an event after a number of messages, starts to count again by itself, and answers every <see cref="Mark"/>.</summary>
internal sealed class Counter(int expected, ManualResetEventSlim done) : ActorBase
{
    private int _seen;

    protected override void OnReceive(object message)
    {
        if (ReferenceEquals(message, Mark.Instance))
        {
            Sender.Tell(message, Self);
        }

        if (++_seen == expected)
        {
            _seen = 0;
            done.Set();
        }
    }
}

/// <summary>Answers with the message itself.</summary>
internal sealed class EchoActor : ActorBase
{
    protected override void OnReceive(object message) => Sender.Tell(message, Self);
}

/// <summary>
/// One end of a pipeline: keeps a window of messages in flight towards its peer, so that both are busy and neither waits for a wake per
/// message. Counts what comes back.
/// </summary>
internal sealed class Pipeliner(IActorRef peer, int window, int total, object ball, ManualResetEventSlim done) : ActorBase
{
    private int _sent;
    private int _back;

    protected override void OnReceive(object message)
    {
        if (ReferenceEquals(message, Go.Instance))
        {
            _back = 0;
            for (_sent = 0; _sent < window; _sent++)
            {
                peer.Tell(ball, Self);
            }

            return;
        }

        if (_sent < total)
        {
            _sent++;
            peer.Tell(ball, Self);
        }

        if (++_back == total)
        {
            done.Set();
        }
    }
}

/// <summary>
/// Tells a number of messages in chunks, at most two of which are unanswered: without a window the queue would grow without bound and the
/// figure would be that of the garbage collector.
/// </summary>
internal sealed class Producer(IActorRef target, int chunks, object ball, int chunk = Producer.Chunk) : ActorBase
{
    public const int Chunk = 500;

    private int _left;

    protected override void OnReceive(object message)
    {
        if (ReferenceEquals(message, Go.Instance))
        {
            _left = chunks;
            Send();
        }

        Send();
    }

    private void Send()
    {
        if (_left == 0)
        {
            return;
        }

        _left--;
        for (var i = 1; i < chunk; i++)
        {
            target.Tell(ball, Self);
        }

        target.Tell(Mark.Instance, Self);
    }
}

/// <summary>Last message of a chunk.</summary>
internal sealed class Mark
{
    private Mark()
    {
    }

    public static Mark Instance { get; } = new();
}

/// <summary>Nothing of its own: what an idle actor costs is the kernel's.</summary>
internal sealed class Idle : ActorBase
{
    protected override void OnReceive(object message) => Unhandled(message);
}

/// <summary>Starts and stops children; answers when all are gone.</summary>
internal sealed class Nursery(int count, ManualResetEventSlim done) : ActorBase
{
    private static readonly Props Child = Props.Create<Idle>();

    protected override void OnReceive(object message)
    {
        if (message is Go)
        {
            for (var i = 0; i < count; i++)
            {
                Context.Stop(Context.ActorOf(Child));
            }
        }

        if (Context.ChildCount == 0)
        {
            done.Set();
            return;
        }

        Self.Tell(Again.Instance);
    }

    private sealed class Again
    {
        public static Again Instance { get; } = new();
    }
}

internal sealed class Go
{
    private Go()
    {
    }

    public static Go Instance { get; } = new();
}
