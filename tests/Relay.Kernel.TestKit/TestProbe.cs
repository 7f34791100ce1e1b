using System.Collections.Concurrent;

namespace Relay.Kernel.TestKit;

/// <summary>
/// An actor that keeps what it is told until the test asks. In a deterministic system an expectation first runs all that is runnable; in
/// a threaded one it waits for the message, with a bound of real time that only a failing test reaches.
/// </summary>
public sealed class TestProbe
{
    // Only a watchdog: a test that passes never waits for it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TestKitSystem _kit;
    private readonly BlockingCollection<(object Message, IActorRef Sender)> _received = [];

    internal TestProbe(TestKitSystem kit, string name)
    {
        _kit = kit;
        Ref = kit.ActorOf(Props.Create(() => new ProbeActor(_received)), name);
    }

    public IActorRef Ref { get; }

    /// <summary>Sender of the message expected last.</summary>
    public IActorRef LastSender { get; private set; } = ActorRefs.Nobody;

    /// <summary>Messages received and not yet expected. Exact in a deterministic system after it has run.</summary>
    public int Pending => _received.Count;

    public void Send(IActorRef target, object message)
    {
        ArgumentNullException.ThrowIfNull(target);
        target.Tell(message, Ref);
    }

    /// <summary>Answers the message expected last.</summary>
    public void Reply(object message) => LastSender.Tell(message, Ref);

    /// <summary>Watches an actor; its end arrives as <see cref="Terminated"/>.</summary>
    public IActorRef Watch(IActorRef actor)
    {
        _kit.Await(Ref.Ask<Done>(new WatchRequest(actor, true), Timeout.InfiniteTimeSpan));
        return actor;
    }

    public IActorRef Unwatch(IActorRef actor)
    {
        _kit.Await(Ref.Ask<Done>(new WatchRequest(actor, false), Timeout.InfiniteTimeSpan));
        return actor;
    }

    /// <summary>The next message must be a <typeparamref name="T"/>.</summary>
    public T ExpectMsg<T>() => Next(typeof(T).Name) is T message ? message : throw Unexpected(typeof(T).Name);

    /// <summary>The next message must equal <paramref name="expected"/>.</summary>
    public T ExpectMsg<T>(T expected)
    {
        var message = ExpectMsg<T>();
        return EqualityComparer<T>.Default.Equals(message, expected) ? message : throw Unexpected($"{expected}");
    }

    /// <summary>The next message must be a <typeparamref name="T"/> that fits.</summary>
    public T ExpectMsg<T>(Predicate<T> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        var message = ExpectMsg<T>();
        return predicate(message) ? message : throw Unexpected($"a fitting {typeof(T).Name}");
    }

    public Terminated ExpectTerminated(IActorRef actor) => ExpectMsg<Terminated>(one => ReferenceEquals(one.ActorRef, actor));

    /// <summary>The first message that is a fitting <typeparamref name="T"/>; those before it are dropped.</summary>
    public T FishForMessage<T>(Predicate<T>? predicate = null)
    {
        while (true)
        {
            if (Next(typeof(T).Name) is T message && predicate?.Invoke(message) != false)
            {
                return message;
            }
        }
    }

    /// <summary>The next <paramref name="count"/> messages.</summary>
    public IReadOnlyList<T> ReceiveN<T>(int count) => Enumerable.Range(0, count).Select(_ => ExpectMsg<T>()).ToList();

    /// <summary>Nothing may come now, nor while <paramref name="within"/> of virtual time passes. Deterministic systems only.</summary>
    public void ExpectNoMsg(TimeSpan within = default)
    {
        _kit.RequireDispatcher().RunUntilIdle();
        if (within > TimeSpan.Zero)
        {
            _kit.Advance(within);
        }

        if (_received.TryTake(out var one))
        {
            throw new ExpectationFailedException($"Expected no message, got {one.Message} from {one.Sender}");
        }
    }

    private object Next(string expected)
    {
        _kit.Dispatcher?.RunUntilIdle();
        if (!_received.TryTake(out var one, _kit.IsDeterministic ? TimeSpan.Zero : Patience))
        {
            throw new ExpectationFailedException(_kit.IsDeterministic
                ? $"Expected {expected}, but the system is idle and no message came"
                : $"Expected {expected}, but no message came within {Patience} of real time");
        }

        LastSender = one.Sender;
        _last = one.Message;
        return one.Message;
    }

    private object? _last;

    private ExpectationFailedException Unexpected(string expected) => new($"Expected {expected}, got {_last} from {LastSender}");

    private sealed record WatchRequest(IActorRef Actor, bool Begin);

    private sealed record Done;

    private sealed class ProbeActor(BlockingCollection<(object Message, IActorRef Sender)> received) : ActorBase
    {
        protected override void OnReceive(object message)
        {
            if (message is WatchRequest request)
            {
                _ = request.Begin ? Context.Watch(request.Actor) : Context.Unwatch(request.Actor);
                Sender.Tell(new Done());
                return;
            }

            received.Add((message, Sender));
        }
    }
}
