namespace Relay.Kernel;

/// <summary>
/// An actor whose handlers are declared in its constructor with <see cref="Receive{T}(Action{T})"/>. They are tried in the order
/// of declaration; the first that fits takes the message. Actors on the hottest paths switch in <c>OnReceive</c> instead.
/// </summary>
public abstract class ReceiveActor : ActorBase
{
    private List<Handler> _handlers = [];

    protected sealed override void OnReceive(object message) => Dispatch(_handlers, message);

    protected void Receive<T>(Action<T> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _handlers.Add(new Handler<T>(handler, null));
    }

    /// <summary>Takes the message only when <paramref name="shouldHandle"/> says so.</summary>
    protected void Receive<T>(Predicate<T> shouldHandle, Action<T> handler)
    {
        ArgumentNullException.ThrowIfNull(shouldHandle);
        ArgumentNullException.ThrowIfNull(handler);
        _handlers.Add(new Handler<T>(handler, shouldHandle));
    }

    protected void ReceiveAny(Action<object> handler) => Receive(handler);

    /// <summary>Replaces the behaviour by the handlers that <paramref name="configure"/> declares.</summary>
    protected void Become(Action configure) => Context.Become(Configure(configure));

    /// <summary>Puts the handlers that <paramref name="configure"/> declares on top of the current ones.</summary>
    protected void BecomeStacked(Action configure) => Context.BecomeStacked(Configure(configure));

    private Action<object> Configure(Action configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var own = _handlers;
        var declared = new List<Handler>();
        _handlers = declared;
        try
        {
            configure();
        }
        finally
        {
            _handlers = own;
        }

        return message => Dispatch(declared, message);
    }

    private void Dispatch(List<Handler> handlers, object message)
    {
        foreach (var handler in handlers)
        {
            if (handler.TryHandle(message))
            {
                return;
            }
        }

        Unhandled(message);
    }

    private abstract class Handler
    {
        public abstract bool TryHandle(object message);
    }

    private sealed class Handler<T>(Action<T> handle, Predicate<T>? accepts) : Handler
    {
        public override bool TryHandle(object message)
        {
            if (message is not T typed || accepts?.Invoke(typed) == false)
            {
                return false;
            }

            handle(typed);
            return true;
        }
    }
}
