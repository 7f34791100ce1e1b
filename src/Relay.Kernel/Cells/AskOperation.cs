namespace Relay.Kernel.Cells;

/// <summary>
/// One question: the promise and the ref the answer is told to in a single object. Its timer and its registration are gone as soon as
/// it is decided; an answer after that is a dead letter.
/// </summary>
internal sealed class AskOperation<T> : TaskCompletionSource<T>, IActorRef
{
    private readonly ActorSystem _system;
    private readonly long _id;
    private readonly ITimer? _timer;
    private readonly CancellationTokenRegistration _cancellation;
    private int _decided;

    public AskOperation(ActorSystem system, IActorRef target, object message, TimeSpan timeout, CancellationToken cancellationToken)
        : base(system.CompletionOptions)
    {
        _system = system;
        _id = system.NextActorId();
        if (timeout != Timeout.InfiniteTimeSpan)
        {
            _timer = system.Time.CreateTimer(
                static state => ((TimedOut)state!).Decide(), new TimedOut(this, target, message.GetType(), timeout), timeout, Timeout.InfiniteTimeSpan);
        }

        _cancellation = cancellationToken.UnsafeRegister(
            static (state, token) => ((AskOperation<T>)state!).Cancel(token), this);
        if (Volatile.Read(ref _decided) != 0)
        {
            // Decided inside the constructor, before the fields it should have released were set.
            Release();
        }
    }

    public ActorPath Path => _system.RootPath / "temp" / ("$" + _id);

    ActorSystem IActorRef.System => _system;

    void IActorRef.Tell(object message, IActorRef? sender)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (!TryDecide())
        {
            _system.PublishDeadLetter(message, sender, this);
            return;
        }

        Release();
        switch (message)
        {
            case Status.Failure failure when typeof(T) != typeof(Status) && typeof(T) != typeof(Status.Failure):
                TrySetException(failure.Cause);
                break;
            case T answer:
                TrySetResult(answer);
                break;
            default:
                TrySetException(new InvalidCastException($"Asked for {typeof(T)}, answered with {message.GetType()}"));
                break;
        }
    }

    public override string ToString() => Path.ToString();

    private bool TryDecide() => Interlocked.Exchange(ref _decided, 1) == 0;

    private void Cancel(CancellationToken token)
    {
        if (TryDecide())
        {
            Release();
            TrySetCanceled(token);
        }
    }

    private void Release()
    {
        _timer?.Dispose();

        // Not Dispose: that would wait for a callback which may be the one running.
        _cancellation.Unregister();
    }

    private sealed record TimedOut(AskOperation<T> Ask, IActorRef Target, Type Question, TimeSpan After)
    {
        public void Decide()
        {
            if (Ask.TryDecide())
            {
                Ask.Release();
                Ask.TrySetException(new AskTimeoutException($"{Target.Path} did not answer {Question} within {After}"));
            }
        }
    }
}
