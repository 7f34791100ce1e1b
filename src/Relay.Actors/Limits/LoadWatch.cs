using Relay.Kernel;

namespace Relay.Actors.Limits;

/// <summary>To the probe: sent at this timestamp.</summary>
internal sealed record ProbeTurn(long SentAt);

/// <summary>An actor as any other: how long it waits for its turn is how long all wait.</summary>
internal sealed class ProbeActor(LoadWatch watch) : ActorBase
{
    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (message is ProbeTurn turn)
        {
            watch.Answered(turn.SentAt);
        }
        else
        {
            Unhandled(message);
        }
    }
}

/// <summary>
/// Measures how long turns wait and how much memory is used, some times a second, and tells <see cref="NodeLimits"/>. One probe is on its way at a time; one that has
/// not come back counts with its age.
/// </summary>
internal sealed class LoadWatch : IDisposable
{
    /// <summary>Five to a round: a round without a single short wait is no accident.</summary>
    private static readonly TimeSpan Beat = Congestion.Round / 5;

    private const int BeatsPerRound = 5;
    private const int BeatsPerLookAtMemory = 25;

    private readonly NodeLimits _limits;
    private readonly TimeProvider _time;
    private readonly Func<long> _memoryUsed;
    private readonly Action _collect;
    private readonly IActorRef _probe;
    private readonly ITimer _timer;
    private long _sentAt;
    private long _answer = -1;
    private bool _isOut;
    private int _beats;
    private int _busy;

    /// <param name="system">Where the probe lives.</param>
    /// <param name="limits">Who is told.</param>
    /// <param name="time">Clock.</param>
    /// <param name="memoryUsed">Bytes in use; null = <see cref="ProcessMemory"/>.</param>
    /// <param name="collect">Asks for a collection in the background; null = the process's own.</param>
    public LoadWatch(ActorSystem system, NodeLimits limits, TimeProvider time, Func<long>? memoryUsed = null, Action? collect = null)
    {
        _limits = limits;
        _time = time;
        _memoryUsed = memoryUsed ?? ProcessMemory.Used;
        _collect = collect ?? (static () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false));
        _probe = system.ActorOf(Props.Create(() => new ProbeActor(this)), "load-probe");
        _timer = time.CreateTimer(static state => ((LoadWatch)state!).OnBeat(), this, Beat, Beat);
    }

    /// <summary>The probe's turn has come.</summary>
    public void Answered(long sentAt) => Volatile.Write(ref _answer, Math.Max(0, _time.GetElapsedTime(sentAt).Ticks));

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void OnBeat()
    {
        // A machine that is late calls several at once.
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            return;
        }

        Measure();
        Volatile.Write(ref _busy, 0);
    }

    private void Measure()
    {
        if (_isOut)
        {
            var answer = Interlocked.Exchange(ref _answer, -1);
            _limits.Sample(answer >= 0 ? TimeSpan.FromTicks(answer) : _time.GetElapsedTime(_sentAt));
            _isOut = answer < 0;
        }

        if (!_isOut && _limits.Current.QueueDelay > TimeSpan.Zero)
        {
            _isOut = true;
            _sentAt = _time.GetTimestamp();
            _probe.Tell(new ProbeTurn(_sentAt), ActorRefs.NoSender);
        }

        _beats++;
        if (_beats % BeatsPerRound == 0)
        {
            _limits.TurnLoad();
        }

        if (_beats % BeatsPerLookAtMemory == 0 && _limits.LookAtMemory(_memoryUsed()))
        {
            _collect();
        }
    }
}
