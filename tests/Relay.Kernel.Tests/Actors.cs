namespace Relay.Kernel.Tests;

/// <summary>An actor made of lambdas, for tests that need one handler.</summary>
internal sealed class Lambda(Action<Lambda, object> receive) : ActorBase
{
    public Action<Lambda>? OnStart { get; init; }

    public Action<Lambda>? OnStop { get; init; }

    public Action<Lambda, Exception, object?>? OnBeforeRestart { get; init; }

    public Action<Lambda, Exception>? OnAfterRestart { get; init; }

    public Func<SupervisorStrategy>? Strategist { get; init; }

    public IActorContext Ctx => Context;

    public IActorRef Me => Self;

    public IActorRef From => Sender;

    public static Props Props(Action<Lambda, object> receive) => Kernel.Props.Create(() => new Lambda(receive));

    public static Props Props(Func<Lambda> factory) => Kernel.Props.Create(factory);

    public void NotMine(object message) => Unhandled(message);

    protected override void OnReceive(object message) => receive(this, message);

    protected override void PreStart() => OnStart?.Invoke(this);

    protected override void PostStop() => OnStop?.Invoke(this);

    protected override void PreRestart(Exception reason, object? message)
    {
        OnBeforeRestart?.Invoke(this, reason, message);
        base.PreRestart(reason, message);
    }

    protected override void PostRestart(Exception reason)
    {
        OnAfterRestart?.Invoke(this, reason);
        base.PostRestart(reason);
    }

    protected override SupervisorStrategy SupervisorStrategy() => Strategist?.Invoke() ?? base.SupervisorStrategy();
}

internal sealed class Boom(string message = "boom") : Exception(message);

/// <summary>Answers everything with itself.</summary>
internal sealed class Echo : ActorBase
{
    public static Props Props { get; } = Kernel.Props.Create<Echo>();

    protected override void OnReceive(object message) => Sender.Tell(message, Self);
}
