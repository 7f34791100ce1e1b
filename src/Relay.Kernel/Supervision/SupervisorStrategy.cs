namespace Relay.Kernel;

/// <summary>What a supervisor does with a child that failed.</summary>
public enum Directive
{
    /// <summary>Go on with the same instance; the message that failed is gone.</summary>
    Resume,

    /// <summary>Replace the instance; the mailbox is kept, the message that failed is gone.</summary>
    Restart,

    /// <summary>Stop the child.</summary>
    Stop,

    /// <summary>Fail oneself: the own supervisor decides. At the guardian, which has none, it stops the child.</summary>
    Escalate,
}

/// <summary>Turns an exception of a child into a <see cref="Directive"/>. Immutable, shareable.</summary>
public abstract class SupervisorStrategy
{
    private readonly Func<Exception, Directive> _decider;

    private protected SupervisorStrategy(Func<Exception, Directive>? decider, RestartLimits? limits)
    {
        _decider = decider ?? DefaultDecider;
        Limits = limits ?? RestartLimits.Unlimited;
        Limits.Check();
    }

    /// <summary>Restart at once; stop what could not be created, was killed, or ignored the death of an actor it watched.</summary>
    public static SupervisorStrategy Default { get; } = new OneForOneStrategy();

    /// <summary>Stop whatever fails.</summary>
    public static SupervisorStrategy Stopping { get; } = new OneForOneStrategy(static _ => Directive.Stop);

    public RestartLimits Limits { get; }

    /// <summary>Whether the directive goes to all children rather than to the failed one.</summary>
    internal abstract bool AffectsAllChildren { get; }

    /// <summary>Akka's default decider, for strategies that only add cases.</summary>
    public static Directive DefaultDecider(Exception exception) => exception switch
    {
        ActorInitializationException or ActorKilledException or DeathPactException => Directive.Stop,
        _ => Directive.Restart,
    };

    internal Directive Decide(Exception exception)
    {
        try
        {
            return _decider(exception);
        }
        catch (Exception)
        {
            // A decider that throws has no opinion; stopping is the only answer that cannot loop.
            return Directive.Stop;
        }
    }
}

/// <summary>Applies the directive to the failed child only.</summary>
public sealed class OneForOneStrategy : SupervisorStrategy
{
    public OneForOneStrategy(Func<Exception, Directive>? decider = null, RestartLimits? limits = null)
        : base(decider, limits)
    {
    }

    /// <summary>Akka's order of arguments.</summary>
    public OneForOneStrategy(int maxNrOfRetries, TimeSpan withinTimeRange, Func<Exception, Directive> localOnlyDecider)
        : base(localOnlyDecider, new RestartLimits { MaxRestarts = maxNrOfRetries, Window = withinTimeRange })
    {
    }

    internal override bool AffectsAllChildren => false;
}

/// <summary>Applies the directive to all children: for those that cannot work without each other.</summary>
public sealed class AllForOneStrategy : SupervisorStrategy
{
    public AllForOneStrategy(Func<Exception, Directive>? decider = null, RestartLimits? limits = null)
        : base(decider, limits)
    {
    }

    internal override bool AffectsAllChildren => true;
}
