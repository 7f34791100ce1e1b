namespace Relay.Kernel.Cells;

/// <summary>Failure: the child suspends itself and reports; the parent decides on its own turn.</summary>
internal sealed partial class ActorCell
{
    /// <summary>What a failure report names: for the kernel's own wrappers the message inside.</summary>
    private object? CurrentMessage => _current?.Message is AutoReceivedMessage own ? own.UserMessage : _current?.Message;

    private void Fail(Exception exception, object? message) => Fail(new Failure(Path, exception, message));

    private void Fail(Failure failure)
    {
        _flags &= ~CellFlags.BatchDirty;
        if (Has(CellFlags.Stopping | CellFlags.Terminated) || _parent is null)
        {
            // Too late for a directive: it is stopping already.
            _system.PublishFailure(new ActorFailed(failure.Origin, failure.Exception, Directive.Stop));
            return;
        }

        _flags |= CellFlags.Suspended;
        _parent.SendSystem(new Failed(this, failure));
    }

    private void OnChildFailed(Failed failed)
    {
        var child = failed.Child;
        var failure = failed.Failure;
        if (child._stopRequested || Has(CellFlags.Stopping))
        {
            _system.PublishFailure(new ActorFailed(failure.Origin, failure.Exception, Directive.Stop));
            return;
        }

        var strategy = StrategyForChildren();
        var directive = strategy.Decide(failure.Exception);
        if (directive == Directive.Escalate && _parent is not null)
        {
            // Published where it is finally decided: once.
            (Side.Escalated ??= []).Add(child);
            Fail(failure with { Message = null });
            return;
        }

        var delay = TimeSpan.Zero;
        if (directive == Directive.Escalate || (directive == Directive.Restart && !MayRestart(child, strategy.Limits, out delay)))
        {
            directive = Directive.Stop;
        }

        _system.PublishFailure(new ActorFailed(failure.Origin, failure.Exception, directive));
        Apply(directive, child, failure, delay, strategy.AffectsAllChildren);
    }

    private SupervisorStrategy StrategyForChildren()
    {
        try
        {
            return _props.SupervisorStrategy ?? _actor?.Strategy() ?? Kernel.SupervisorStrategy.Default;
        }
        catch (Exception exception)
        {
            _system.PublishFailure(new ActorFailed(Path, exception, Directive.Resume));
            return Kernel.SupervisorStrategy.Default;
        }
    }

    private bool MayRestart(ActorCell child, RestartLimits limits, out TimeSpan delay)
    {
        if (limits is { MaxRestarts: < 0, MinBackoff.Ticks: 0 })
        {
            delay = TimeSpan.Zero;
            return true;
        }

        var restarts = Side.Restarts ??= [];
        if (!restarts.TryGetValue(child, out var window))
        {
            restarts.Add(child, window = new RestartWindow(limits));
        }

        return window.TryRestart(_system.Uptime, _system.NextDouble(), out delay);
    }

    private void Apply(Directive directive, ActorCell failedChild, Failure failure, TimeSpan delay, bool toAll)
    {
        foreach (var child in toAll && directive is Directive.Restart or Directive.Stop ? SnapshotOfChildren() : [failedChild])
        {
            switch (directive)
            {
                case Directive.Resume:
                    child.SendSystem(new ResumeMessage());
                    break;
                case Directive.Restart:
                    _system.CountRestart();
                    child.SendSystem(new RestartMessage(ReferenceEquals(child, failedChild) ? failure : failure with { Message = null }, delay));
                    break;
                default:
                    StopChild(child);
                    break;
            }
        }
    }

    /// <summary>Children whose failure was escalated are still suspended; they follow what was decided about this actor.</summary>
    private void AnswerEscalated(Action<ActorCell> answer)
    {
        var escalated = _side?.Escalated;
        if (escalated is null)
        {
            return;
        }

        _side!.Escalated = null;
        foreach (var child in escalated)
        {
            if (!child._stopRequested)
            {
                answer(child);
            }
        }
    }
}
