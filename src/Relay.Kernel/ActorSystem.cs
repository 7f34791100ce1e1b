using Relay.Kernel.Cells;
using Relay.Kernel.Measuring;

namespace Relay.Kernel;

/// <summary>
/// A tree of actors with its clock, dispatcher and event stream. Many systems may live in one process; they share nothing but what
/// their options share. Writes to no console and no log: <see cref="EventStream"/> tells what happens.
/// </summary>
public sealed class ActorSystem
{
    private readonly Random _random;
    private readonly Lock _randomLock = new();
    private readonly long _startedAt;
    private readonly TaskCompletionSource _terminated;
    private readonly ActorCell _userGuardian;
    private readonly ActorCell _systemGuardian;
    private readonly DeadLettersRef _deadLetters;
    private readonly BoundedPublisher _deadLetterEvents;
    private readonly BoundedPublisher _unhandledEvents;
    private long _lastActorId;
    private long _started;
    private long _ended;
    private long _failures;
    private long _restarts;

    private ActorSystem(string name, ActorSystemOptions options)
    {
        Name = name;
        Time = options.Time;
        Dispatcher = options.Dispatcher;
        Throughput = options.Throughput;
        StashCapacity = options.StashCapacity;
        RootPath = new ActorPath(null, name);
        _random = options.Random;
        _startedAt = Time.GetTimestamp();
        _terminated = new TaskCompletionSource(CompletionOptions);
        EventStream = new EventStream();
        Mailboxes = new HighWater(Time);
        _deadLetterEvents = new BoundedPublisher(EventStream, Time, typeof(DeadLetter), options.DeadLetterBurst, options.DeadLetterWindow);
        _unhandledEvents = new BoundedPublisher(EventStream, Time, typeof(UnhandledMessage), options.DeadLetterBurst, options.DeadLetterWindow);
        _deadLetters = new DeadLettersRef(this);
        var guardian = Props.Create(static () => new Guardian()).WithStrategy(options.GuardianStrategy);
        _systemGuardian = new ActorCell(this, null, guardian, "system", isGuardian: true);
        _userGuardian = new ActorCell(this, null, guardian, "user", isGuardian: true);
        _systemGuardian.Wake();
        _userGuardian.Wake();
    }

    public string Name { get; }

    public TimeProvider Time { get; }

    public EventStream EventStream { get; }

    /// <summary>Where messages go that nobody can receive; also the <c>Sender</c> of messages told without one.</summary>
    public IActorRef DeadLetters => _deadLetters;

    /// <summary>Completes when all actors have stopped. Never faults.</summary>
    public Task WhenTerminated => _terminated.Task;

    public ActorSystemStatistics Statistics
    {
        get
        {
            var ended = Interlocked.Read(ref _ended);
            return new(
                Interlocked.Read(ref _started) - ended,
                Interlocked.Read(ref _failures),
                Interlocked.Read(ref _restarts),
                _deadLetterEvents.Count,
                _unhandledEvents.Count,
                EventStream.SubscriberFailures);
        }
    }

    /// <summary>Most messages that an actor found in its mailbox at once within the last half to whole minute.</summary>
    public int DeepestMailbox => Mailboxes.Read();

    internal HighWater Mailboxes { get; }

    internal IDispatcher Dispatcher { get; }

    internal int Throughput { get; }

    internal int StashCapacity { get; }

    internal ActorPath RootPath { get; }

    internal TimeSpan Uptime => Time.GetElapsedTime(_startedAt);

    internal ActorCell SystemGuardian => _systemGuardian;

    internal TaskCreationOptions CompletionOptions =>
        Dispatcher.InlineContinuations ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    /// <exception cref="ArgumentException">The name is empty or an option is out of range.</exception>
    public static ActorSystem Create(string name, ActorSystemOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        options ??= new ActorSystemOptions();
        options.Check();
        return new ActorSystem(name, options);
    }

    /// <summary>Starts a top-level actor, from any thread. Names are unique among the living top-level actors.</summary>
    /// <exception cref="InvalidActorNameException">The name is empty or taken.</exception>
    /// <exception cref="InvalidOperationException">The system is terminating.</exception>
    public IActorRef ActorOf(Props props, string? name = null) => _userGuardian.StartChild(props, name);

    /// <summary>Stops an actor after its current message, from any thread.</summary>
    public void Stop(IActorRef actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        if (actor.System is not null && !ReferenceEquals(actor.System, this))
        {
            throw new ArgumentException($"{actor.Path} lives in another system than {Name}", nameof(actor));
        }

        ActorRefs.CellOf(actor)?.SendSystem(new StopMessage());
    }

    /// <summary>A new generator, seeded from the system's: for actors that need randomness of their own in repeatable runs.</summary>
    public Random CreateRandom()
    {
        lock (_randomLock)
        {
            return new Random(_random.Next());
        }
    }

    /// <summary>
    /// Stops all actors: those of users first, children before parents, then the kernel's own. What waits in mailboxes becomes dead
    /// letters; whoever needs more grace does it before, in stages (<see cref="StopStages"/>). May be called repeatedly.
    /// </summary>
    /// <returns>True when all stopped within <paramref name="timeout"/>; after false they go on stopping.</returns>
    public async Task<bool> TerminateAsync(TimeSpan timeout)
    {
        _userGuardian.SendSystem(new StopMessage());
        return await Bounded.WaitAsync(_terminated.Task, timeout, Time, CompletionOptions);
    }

    internal long NextActorId() => Interlocked.Increment(ref _lastActorId);

    internal double NextDouble()
    {
        lock (_randomLock)
        {
            return _random.NextDouble();
        }
    }

    internal void ActorStarted() => Interlocked.Increment(ref _started);

    internal void CountRestart() => Interlocked.Increment(ref _restarts);

    internal void ActorEnded(bool isGuardian)
    {
        if (!isGuardian)
        {
            Interlocked.Increment(ref _ended);
        }
    }

    internal void GuardianEnded(ActorCell guardian)
    {
        if (ReferenceEquals(guardian, _userGuardian))
        {
            _systemGuardian.SendSystem(new StopMessage());
            return;
        }

        _deadLetterEvents.Dispose();
        _unhandledEvents.Dispose();
        _terminated.TrySetResult();
    }

    internal void PublishFailure(ActorFailed failure)
    {
        Interlocked.Increment(ref _failures);
        EventStream.Publish(failure);
    }

    internal void PublishDeadLetter(object message, IActorRef? sender, IActorRef recipient)
    {
        if (message is AutoReceivedMessage)
        {
            // The kernel's own: a timer that rang too late, a poison pill for the dead.
            return;
        }

        if (_deadLetterEvents.Admit())
        {
            EventStream.Publish(message as DeadLetter ?? new DeadLetter(message, sender, recipient));
        }
    }

    internal void PublishUnhandled(object message, IActorRef? sender, IActorRef recipient)
    {
        if (_unhandledEvents.Admit())
        {
            EventStream.Publish(new UnhandledMessage(message, sender, recipient));
        }
    }

    private sealed class Guardian : ActorBase
    {
        protected override void OnReceive(object message) => Unhandled(message);
    }

    private sealed class DeadLettersRef(ActorSystem system) : IActorRef
    {
        public ActorPath Path { get; } = system.RootPath / "deadLetters";

        public ActorSystem System => system;

        public void Tell(object message, IActorRef? sender = null)
        {
            ArgumentNullException.ThrowIfNull(message);
            system.PublishDeadLetter(message, sender, this);
        }

        public override string ToString() => Path.ToString();
    }
}
