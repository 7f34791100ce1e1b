using Relay.Bench.Measure;

namespace Relay.Bench.Load;

/// <summary>
/// Decides when to publish. Open loop: a thread of its own follows the <see cref="Pacer"/>'s timetable. Closed loop: whoever completes a publish by
/// receiving its last delivery publishes the next ones, so there is no hand-over to another thread. Thread-safe.
/// </summary>
internal sealed class LoadDriver : IDeliverySink, IDisposable
{
    /// <summary>Pause while a publisher pushes back; short against any latency it can cause, long against spinning.</summary>
    private static readonly TimeSpan BlockedPause = TimeSpan.FromMicroseconds(100);

    private readonly RunState _run;
    private readonly StreamMap _map;
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _stopped = new();
    private readonly WindowLedger? _ledger;
    private IPublisher[] _publishers = [];
    private bool[] _dirty = [];
    private Thread? _pacing;
    private long _published;
    private long _unsent;
    private int _roomMade;

    public LoadDriver(RunState run, StreamMap map)
    {
        _run = run;
        _map = map;
        _ledger = run.Options.Rate is null ? new WindowLedger(run.Options.Window) : null;
    }

    /// <inheritdoc/>
    public long Published => Volatile.Read(ref _published);

    /// <summary>Publishes of the closed loop that wait for deliveries; 0 in an open loop.</summary>
    public long Open => _ledger?.Open ?? 0;

    /// <summary>Publishes that were given up because for a second nothing was delivered.</summary>
    public long Stalled { get; private set; }

    /// <summary>Publishes that were due before the end of the load and could not be sent, not even while draining.</summary>
    public long Unsent => Volatile.Read(ref _unsent);

    /// <summary>How late publishes of the open loop went out: the generator's own error plus the server's push-back. Complete after <see cref="Stop"/>.</summary>
    public LatencyHistogram Lag { get; } = new();

    /// <summary>Begins; the run's phases are set.</summary>
    public void Start(IPublisher[] publishers)
    {
        _publishers = publishers;
        _dirty = new bool[publishers.Length];
        _run.LastDelivery = _run.Clock.Now;
        _run.RoomMade = Fill;
        if (_run.Options.Rate is { } rate)
        {
            var pacer = new Pacer(_run.Clock, _run.Phases.Start, rate);
            _pacing = new Thread(() => Pace(pacer)) { Name = "pacing", IsBackground = true };
            _pacing.Start();
        }
        else
        {
            Fill();
        }
    }

    /// <summary>Once a second: notices a window that lost deliveries hold up for ever.</summary>
    public void Tick()
    {
        if (_ledger is null || _publishers.Length == 0)
        {
            return;
        }

        if (_ledger.Open >= _run.Options.Window && _run.Clock.Now - _run.LastDelivery > 1_000_000_000)
        {
            Stalled += _ledger.ReleaseAll();
        }

        Fill();
    }

    /// <summary>Nothing is published any more.</summary>
    public void Stop()
    {
        _stopped.Set();
        _pacing?.Join();
        _run.RoomMade = static () => { };
        lock (_gate)
        {
            // Whoever was publishing has ended.
        }
    }

    /// <inheritdoc/>
    public void Settle(long number)
    {
        if (_ledger is not null && _ledger.Settle(number))
        {
            Volatile.Write(ref _roomMade, 1);
        }
    }

    /// <inheritdoc/>
    public void OnReadCompleted()
    {
        if (Volatile.Read(ref _roomMade) != 0)
        {
            Fill();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stopped.Dispose();

    private void Fill()
    {
        if (_ledger is null)
        {
            return;
        }

        lock (_gate)
        {
            Volatile.Write(ref _roomMade, 0);
            for (var now = _run.Clock.Now; !_stopped.IsSet && now < _run.Phases.End;)
            {
                var publisher = _map.PublisherOf(_published);
                if (!_publishers[publisher].CanPublish || !_ledger.TryOpen(_published, _run.LiveOn(_map.ChannelOf(_published))))
                {
                    break;
                }

                Publish(publisher, now);
            }

            FlushDirty();
        }
    }

    private void Pace(Pacer pacer)
    {
        var until = _run.Phases.End + (long)(_run.Options.DrainSeconds * 1e9);
        while (!_stopped.IsSet && pacer.IntendedAt(_published) < _run.Phases.End && _run.Clock.Now < until)
        {
            FineWait.For(PublishDue(pacer) ? pacer.Until(_published) : BlockedPause, _stopped);
        }

        Volatile.Write(ref _unsent, Math.Max(0, pacer.CountBefore(_run.Phases.End) - _published));
    }

    /// <summary>Publishes what is due; false when a publisher pushes back and something due is left.</summary>
    private bool PublishDue(Pacer pacer)
    {
        lock (_gate)
        {
            var due = pacer.Due;
            var now = _run.Clock.Now;
            var blocked = false;
            while (_published < due && !blocked)
            {
                var intended = pacer.IntendedAt(_published);
                var publisher = _map.PublisherOf(_published);
                if (intended >= _run.Phases.End)
                {
                    break;
                }

                blocked = !_publishers[publisher].CanPublish;
                if (!blocked)
                {
                    Publish(publisher, intended);
                    Lag.Record(now - intended);
                }
            }

            FlushDirty();
            return !blocked;
        }
    }

    private void Publish(int publisher, long intended)
    {
        _publishers[publisher].Publish(_map.ChannelOf(_published), _published, intended);
        _dirty[publisher] = true;

        // Only now may a subscriber that leaves count it.
        Volatile.Write(ref _published, _published + 1);
    }

    private void FlushDirty()
    {
        for (var i = 0; i < _dirty.Length; i++)
        {
            if (_dirty[i])
            {
                _dirty[i] = false;
                _publishers[i].Flush();
            }
        }
    }
}
