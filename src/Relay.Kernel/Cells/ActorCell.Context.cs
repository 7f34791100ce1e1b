namespace Relay.Kernel.Cells;

/// <summary>Behaviours, timers, stash, receive timeout, and the messages that belong to them.</summary>
internal sealed partial class ActorCell
{
    IActorRef IActorContext.Self => this;

    IActorRef IActorContext.Sender => CurrentSender;

    public ITimerScheduler Timers => Side.Timers ??= new TimerScheduler(this);

    public IStash Stash => Side.Stash ??= new Stash(this, _props.StashCapacity ?? _system.StashCapacity);

    public TimeSpan? ReceiveTimeout => _side?.ReceiveTimer?.Duration;

    internal Envelope? CurrentEnvelope => _current;

    public void Become(Action<object> receive)
    {
        ArgumentNullException.ThrowIfNull(receive);
        var behaviors = Side.Behaviors ??= new Stack<Action<object>>();
        behaviors.TryPop(out _);
        behaviors.Push(receive);
        _flags |= CellFlags.HasBehavior;
    }

    public void BecomeStacked(Action<object> receive)
    {
        ArgumentNullException.ThrowIfNull(receive);
        (Side.Behaviors ??= new Stack<Action<object>>()).Push(receive);
        _flags |= CellFlags.HasBehavior;
    }

    public void UnbecomeStacked()
    {
        var behaviors = _side?.Behaviors;
        behaviors?.TryPop(out _);
        if (behaviors is null or { Count: 0 })
        {
            _flags &= ~CellFlags.HasBehavior;
        }
    }

    public void SetReceiveTimeout(TimeSpan? timeout)
    {
        _side?.ReceiveTimer?.Dispose();
        if (timeout is not { } duration)
        {
            _flags &= ~CellFlags.HasReceiveTimeout;
            _side?.ReceiveTimer = null;
            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero, nameof(timeout));
        Side.ReceiveTimer = new ReceiveTimer(this, duration);
        _flags |= CellFlags.HasReceiveTimeout;
    }

    /// <summary>See <see cref="TurnExtensions.EndTurn"/>.</summary>
    internal void Yield() => _flags |= CellFlags.Yielding;

    internal void PublishUnhandled(object message) => _system.PublishUnhandled(message, _current?.Sender, this);

    /// <summary>Puts envelopes in front of the mailbox; <paramref name="oldest"/> to <paramref name="newest"/> are linked.</summary>
    internal void Prepend(Envelope oldest, Envelope newest)
    {
        newest.Next = _ready;
        _ready = oldest;
    }

    private void AutoReceive(AutoReceivedMessage message)
    {
        switch (message)
        {
            case TimerTick tick when tick.Accept():
                Deliver(tick.UserMessage);
                break;
            case TimerTick:
                break;
            case Terminated terminated:
                DeliverTerminated(terminated);
                break;
            case ReceiveTimer timer:
                if (ReferenceEquals(timer, _side?.ReceiveTimer) && timer.IsDue())
                {
                    Deliver(Kernel.ReceiveTimeout.Instance);
                }

                break;
            case PoisonPill:
                BeginStopFromMailbox();
                break;
            case Kill:
                throw new ActorKilledException($"{Path} received Kill");
            case Unstashed unstashed:
                Deliver(unstashed.UserMessage);
                break;
        }
    }

    private void BeginStopFromMailbox()
    {
        if (_parent is not null)
        {
            // Not BeginStop: that belongs between two messages, where the batch hook may still run. Guardians take no poison.
            SendSystem(new StopMessage());
        }
    }

    private void CancelTimers()
    {
        _side?.Timers?.CancelAll();
        SetReceiveTimeout(null);
    }
}

/// <summary>A stashed message of a kind that the kernel had already accepted (a timer, a death notice): not judged a second time.</summary>
internal sealed class Unstashed(object message) : AutoReceivedMessage
{
    internal override object UserMessage => message;
}
