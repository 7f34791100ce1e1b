namespace Relay.Kernel;

/// <summary>Settings of an <see cref="ActorSystem"/>. Immutable; everything about time and randomness enters here.</summary>
public sealed record ActorSystemOptions
{
    /// <summary>The only clock of the kernel.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The only source of randomness of the kernel; used under a lock. Give a seeded one for repeatable runs.</summary>
    public Random Random { get; init; } = new();

    /// <summary>Runs the turns. Several systems may share one.</summary>
    public IDispatcher Dispatcher { get; init; } = ThreadPoolDispatcher.Instance;

    /// <summary>
    /// Most user messages per turn, before other actors get the thread. 256 handlers of a microsecond keep a thread well below the
    /// millisecond in which a human or a heartbeat would notice, and make the cost of a turn (some 100 ns) vanish.
    /// </summary>
    public int Throughput { get; init; } = 256;

    /// <summary>How the user guardian answers failures of top-level actors.</summary>
    public SupervisorStrategy GuardianStrategy { get; init; } = SupervisorStrategy.Default;

    /// <summary>Bound of each actor's stash, unless its <see cref="Props"/> say otherwise.</summary>
    public int StashCapacity { get; init; } = 1024;

    /// <summary>Dead letters and unhandled messages published one by one per <see cref="DeadLetterWindow"/>; the rest is summed up.</summary>
    public int DeadLetterBurst { get; init; } = 10;

    /// <summary>After this time the suppressed dead letters are published as one <see cref="EventsSuppressed"/>.</summary>
    public TimeSpan DeadLetterWindow { get; init; } = TimeSpan.FromSeconds(10);

    internal void Check()
    {
        Require(Throughput > 0, nameof(Throughput), "be above zero");
        Require(StashCapacity > 0, nameof(StashCapacity), "be above zero");
        Require(DeadLetterBurst >= 0, nameof(DeadLetterBurst), "not be below zero");
        Require(DeadLetterWindow > TimeSpan.Zero, nameof(DeadLetterWindow), "be above zero");
    }

    private static void Require(bool holds, string setting, string rule)
    {
        if (!holds)
        {
            throw new ArgumentException($"ActorSystemOptions.{setting} must {rule}", nameof(setting));
        }
    }
}

/// <summary>Counters since the start of the system, for metrics. Each is exact; together they are not one instant.</summary>
/// <param name="LiveActors">Actors started and not yet stopped, without the guardians.</param>
/// <param name="Failures">Unhandled exceptions of actors, one per <see cref="ActorFailed"/>.</param>
/// <param name="Restarts">Restarts ordered by supervisors.</param>
/// <param name="DeadLetters">All dead letters, published or not.</param>
/// <param name="Unhandled">All unhandled messages, published or not.</param>
/// <param name="SubscriberFailures">Exceptions of delegates on the event stream.</param>
public readonly record struct ActorSystemStatistics(
    long LiveActors, long Failures, long Restarts, long DeadLetters, long Unhandled, long SubscriberFailures);
