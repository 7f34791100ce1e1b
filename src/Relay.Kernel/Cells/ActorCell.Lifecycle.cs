namespace Relay.Kernel.Cells;

/// <summary>Birth, restart and death of an actor.</summary>
internal sealed partial class ActorCell
{
    // Hands the cell to the constructor of ActorBase, which takes it: a factory that news two actors fails at the second.
    [ThreadStatic]
    private static ActorCell? t_creating;

    public static ActorCell TakeCreating(Type type)
    {
        var cell = t_creating ?? throw new ActorInitializationException(
            $"{type} was created outside of Props, or two actors in one factory; start actors with ActorOf(Props.Create(() => new {type.Name}(..)))");
        t_creating = null;
        return cell;
    }

    private void Create()
    {
        _flags &= ~CellFlags.Starting;
        try
        {
            _actor = NewInstance();
            _actor.Start();
        }
        catch (Exception exception)
        {
            Fail(new ActorInitializationException($"{Path} could not be started: {exception.Message}", exception), null);
        }
    }

    private ActorBase NewInstance()
    {
        var outer = t_creating;
        t_creating = this;
        try
        {
            var actor = _props.Producer() ?? throw new ActorInitializationException("The factory returned null");
            if (!ReferenceEquals(actor.Cell, this))
            {
                throw new ActorInitializationException("The factory returned an instance that belongs to another actor");
            }

            _flags = actor is IBatchReceiver ? _flags | CellFlags.BatchReceiver : _flags & ~CellFlags.BatchReceiver;
            return actor;
        }
        finally
        {
            t_creating = outer;
        }
    }

    private void RunSystemMessages()
    {
        var message = Oldest(Interlocked.Exchange(ref _systemInbox, null));
        while (message is not null)
        {
            var next = message.Next;
            message.Next = null;
            if (Has(CellFlags.Terminated))
            {
                AnswerForTheDead(message);
            }
            else
            {
                RunSystemMessage(message);
            }

            message = next;
        }
    }

    private static SystemMessage? Oldest(SystemMessage? newest)
    {
        SystemMessage? reversed = null;
        while (newest is not null)
        {
            var older = newest.Next;
            newest.Next = reversed;
            reversed = newest;
            newest = older;
        }

        return reversed;
    }

    private void RunSystemMessage(SystemMessage message)
    {
        switch (message)
        {
            case StopMessage:
                BeginStop();
                break;
            case ChildTerminated ended:
                OnChildTerminated(ended.Child);
                break;
            case WatchMessage watch:
                (Side.Watchers ??= new WatcherSet()).Add(watch.Watcher, watch.Watched);
                break;
            case UnwatchMessage unwatch:
                _side?.Watchers?.Remove(unwatch.Watcher, unwatch.Watched);
                break;
            case DeathNotice notice:
                OnDeathNotice(notice.Actor);
                break;
            case Failed failed:
                OnChildFailed(failed);
                break;
            case ResumeMessage:
                OnResume();
                break;
            case RestartMessage restart:
                BeginRestart(restart);
                break;
            case RecreateMessage recreate:
                OnRecreate(recreate.Restart);
                break;
        }
    }

    private static void AnswerForTheDead(SystemMessage message)
    {
        if (message is WatchMessage watch)
        {
            watch.Watcher.SendSystem(new DeathNotice(watch.Watched));
        }
    }

    private void OnResume()
    {
        if (Has(CellFlags.Stopping | CellFlags.Recreating))
        {
            return;
        }

        if (_actor is null)
        {
            // Nothing to resume with: the constructor had thrown.
            BeginRestart(new RestartMessage(new Failure(Path, new ActorInitializationException("Resumed without an instance"), null), TimeSpan.Zero));
            return;
        }

        _flags &= ~CellFlags.Suspended;
        AnswerEscalated(static child => child.SendSystem(new ResumeMessage()));
    }

    private void BeginRestart(RestartMessage restart)
    {
        if (Has(CellFlags.Stopping | CellFlags.Recreating))
        {
            return;
        }

        _flags |= CellFlags.Suspended | CellFlags.Recreating;
        _flags &= ~(CellFlags.BatchDirty | CellFlags.HasBehavior);
        var failure = restart.Failure;
        try
        {
            _actor?.BeforeRestart(failure.Exception, failure.Message);
        }
        catch (Exception exception)
        {
            _system.PublishFailure(new ActorFailed(Path, exception, Directive.Restart));
        }

        _actor = null;
        CancelTimers();
        _side?.Behaviors?.Clear();
        _side?.Stash?.UnstashAll();
        Side.Pending = new PendingRestart(failure, restart.Delay);
        WaitThenRecreate();
    }

    /// <summary>The new instance may use the names of the old one's children, so those that are stopping must be gone first.</summary>
    private void WaitThenRecreate()
    {
        var pending = _side!.Pending!;
        if (_side.StoppingChildren > 0 || pending.Timer is not null)
        {
            return;
        }

        if (pending.Delay <= TimeSpan.Zero)
        {
            OnRecreate(pending);
            return;
        }

        pending.Timer = _system.Time.CreateTimer(
            static state =>
            {
                var (cell, restart) = ((ActorCell, PendingRestart))state!;
                cell.SendSystem(new RecreateMessage(restart));
            },
            (this, pending),
            pending.Delay,
            Timeout.InfiniteTimeSpan);
    }

    private void OnRecreate(PendingRestart pending)
    {
        if (Has(CellFlags.Stopping) || !ReferenceEquals(_side!.Pending, pending))
        {
            return;
        }

        pending.Timer?.Dispose();
        _side.Pending = null;
        _flags &= ~CellFlags.Recreating;
        var failure = pending.Failure;
        AnswerEscalated(child => child.SendSystem(new RestartMessage(failure, TimeSpan.Zero)));
        try
        {
            _actor = NewInstance();
            _actor.AfterRestart(failure.Exception);
            _flags &= ~CellFlags.Suspended;
        }
        catch (Exception exception)
        {
            Fail(new ActorInitializationException($"{Path} could not be restarted: {exception.Message}", exception), null);
        }
    }

    private void BeginStop()
    {
        if (Has(CellFlags.Stopping))
        {
            return;
        }

        if ((_flags & (CellFlags.BatchDirty | CellFlags.Suspended)) == CellFlags.BatchDirty)
        {
            RunBatchHook();
        }

        _flags |= CellFlags.Stopping;
        CancelTimers();
        _side?.Pending?.Timer?.Dispose();
        if (StopChildren() == 0)
        {
            FinishStop();
        }
    }

    private void FinishStop()
    {
        try
        {
            _actor?.Stopped();
        }
        catch (Exception exception)
        {
            _system.PublishFailure(new ActorFailed(Path, exception, Directive.Stop));
        }

        _flags |= CellFlags.Terminated;
        _flags &= ~CellFlags.BatchDirty;
        var unread = Reverse(Interlocked.Exchange(ref _inbox, Envelope.Closed), out _);
        LeaveToDeadLetters(_ready);
        LeaveToDeadLetters(_side?.Stash?.TakeAll());
        LeaveToDeadLetters(unread);

        // Closed last: a watch that comes meanwhile is answered when the dead letters are out, like those before it.
        var late = Oldest(Interlocked.Exchange(ref _systemInbox, SystemMessage.Closed));
        for (; late is not null; late = late.Next)
        {
            AnswerForTheDead(late);
        }

        var side = _side;
        _ready = null;
        _actor = null;
        if (side?.Gate is null)
        {
            // A guardian keeps its lock: late callers of ActorOf, from any thread, must find it.
            _side = null;
        }

        EndWatches(side);
        _system.ActorEnded(isGuardian: _parent is null);
        if (_parent is not null)
        {
            _parent.SendSystem(new ChildTerminated(this));
        }
        else
        {
            _system.GuardianEnded(this);
        }
    }

    private void LeaveToDeadLetters(Envelope? oldest)
    {
        for (; oldest is not null; oldest = oldest.Next)
        {
            if (oldest.Message is not AutoReceivedMessage)
            {
                _system.PublishDeadLetter(oldest.Message, oldest.Sender, this);
            }
        }
    }
}
