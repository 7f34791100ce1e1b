using Relay.Kernel;

namespace Relay.Actors.Sessions;

/// <summary>The end of a durable session, by somebody's wish or by its age: it is over when its stream is removed.</summary>
public sealed partial class SessionActor
{
    // What is on its way to the journal comes first.
    private void BeginEnd(IActorRef? asker)
    {
        _asker = asker;
        _phase = Phase.Ending;
    }

    private void TryEnd()
    {
        if (_phase != Phase.Ending || _removing)
        {
            return;
        }

        if (_core.Refusal is { } reason)
        {
            StayOn(reason);
        }
        else if (_core.OwesNothing)
        {
            _removing = true;
            _core.Remove();
        }
    }

    private void Removed(string? failure)
    {
        _removing = false;
        if (failure is not null)
        {
            StayOn(failure);
            return;
        }

        var asker = _asker;
        _asker = null;
        End();
        _asked.Clear();
        _ended.Clear();
        _core.Removed();
        _phase = Phase.Idle;
        asker?.Tell(new SessionDeleted(_sessionId), Self);

        // Who still listens hears of the channel's next life when something happens in it: a stream made now would stay for nothing.
        Context.Stash.UnstashAll();
    }

    private void StayOn(string reason)
    {
        _phase = Phase.Running;
        if (_asker is { } asker)
        {
            _asker = null;
            Refuse(asker, reason);
        }
        else if (_chat is not null)
        {
            Context.Timers.StartSingle(ExpiryTimer, ExpiryDue.Instance, RetryPause);
        }

        Context.Stash.UnstashAll();
    }
}
