using Relay.Bench.Measure;
using Relay.Bench.Options;
using Relay.Bench.Report;

namespace Relay.Bench.Load;

/// <summary>
/// One run from the first connection to the report: connect, settle, warm up, measure, drain, judge. Used once.
/// </summary>
internal sealed class BenchRun : IAsyncDisposable
{
    private readonly RunState _run;
    private readonly BenchOptions _options;
    private readonly TimeProvider _time;
    private readonly ServerProbe _probe;
    private readonly Progress _progress;
    private readonly StreamMap _map;
    private readonly LoadDriver _driver;
    private readonly ConnectPhase _connecting;
    private readonly Subscriber[] _subscribers;
    private readonly List<IPublisher> _publishers = [];
    private int _failedPublishers;

    public BenchRun(RunState run, Progress progress)
    {
        _run = run;
        _options = run.Options;
        _time = run.Clock.Time;
        _progress = progress;
        _probe = new ServerProbe(_options.ServerPids);
        _map = new StreamMap(_options.Channels, _options.Publishers);
        _driver = new LoadDriver(run, _map);
        _connecting = new ConnectPhase(run);
        _subscribers = [.. Enumerable.Range(0, _options.Subscribers).Select(i => new Subscriber(run, i, _map, _driver))];
    }

    /// <summary>Runs.</summary>
    /// <param name="cancellation">Ends the load early; what was measured until then is reported.</param>
    public async Task<BenchReport> RunAsync(CancellationToken cancellation)
    {
        var before = _probe.Take();
        var connect = await ConnectAsync(cancellation);
        var from = _probe.Take();
        await PauseAsync(_options.Idle ? _options.Seconds : _options.SettleSeconds, cancellation);
        var connected = _probe.Take();
        LoadReport? load = null;
        var to = connected;
        var lane = new Lane();
        if (!_options.Idle && connect.Ready > 0 && await OpenPublishersAsync(cancellation))
        {
            (load, lane, from, to) = await LoadAsync(cancellation);
        }

        _driver.Stop();
        var checks = Judge(lane, connect);
        return new BenchReport
        {
            Label = _options.Label,
            Mode = _options.Idle ? "idle" : _options.Rate is null ? "closed" : "open",
            Dialect = _options.Dialect.ToString().ToLowerInvariant(),
            PublishVia = _options.Route == PublishRoute.WebSocket ? "ws" : _options.Route.ToString().ToLowerInvariant(),
            Run = _run.Marker.Run,
            Subscribers = _options.Subscribers,
            Channels = _options.Channels,
            Publishers = _options.Publishers,
            PayloadBytes = _options.PayloadBytes,
            Rate = _options.Rate,
            Window = _options.Rate is null && !_options.Idle ? _options.Window : null,
            Connect = new ConnectReport(connect.Ready, connect.Failed, checks.LostConnections, Math.Round(connect.Seconds, 3), Math.Round(connect.Ready / Math.Max(connect.Seconds, 1e-9))),
            Load = load,
            Checks = checks,
            Server = _probe.IsActive ? ServerFigures(before, connected, from, to, connect.Ready, load) : null,
            Interrupted = cancellation.IsCancellationRequested,
            FirstError = _run.FirstError,
        };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var publisher in _publishers)
        {
            await publisher.DisposeAsync();
        }

        foreach (var subscriber in _subscribers)
        {
            await subscriber.DisposeAsync();
        }

        _driver.Dispose();
    }

    private async Task<ConnectResult> ConnectAsync(CancellationToken cancellation)
    {
        var opening = _connecting.OpenAsync(
            _subscribers.Length, (index, source, either) => _subscribers[index].OpenAsync(_run.Plan.PathOf(_subscribers[index].Channel), source, either), cancellation);
        while (await Task.WhenAny(opening, Task.Delay(TimeSpan.FromSeconds(1), _time, CancellationToken.None)) != opening)
        {
            _progress.Connecting(_connecting.Ready, _connecting.Failed, _subscribers.Length);
        }

        return await opening;
    }

    private async Task<bool> OpenPublishersAsync(CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(_options.ConnectTimeoutSeconds), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        for (var i = 0; i < _options.Publishers; i++)
        {
            IPublisher publisher = _options.Route switch
            {
                PublishRoute.WebSocket => new WebSocketPublisher(_run, i),
                PublishRoute.Redis => new RedisPublisher(_run, i, _run.Redis!),
                _ => new HttpPublisher(_run, i),
            };
            _publishers.Add(publisher);
            if (await publisher.OpenAsync(either.Token) is not null)
            {
                _failedPublishers++;
                return false;
            }
        }

        return true;
    }

    private async Task<(LoadReport Load, Lane Lane, ServerSample From, ServerSample To)> LoadAsync(CancellationToken cancellation)
    {
        var start = _run.Clock.Now;
        var measureFrom = start + (long)(_options.WarmUpSeconds * 1e9);
        _run.Phases = new Phases(start, measureFrom, measureFrom + (long)(_options.Seconds * 1e9));
        _progress.Begin(_probe.Take().CpuSeconds);
        _driver.Start([.. _publishers]);

        await PassAsync("warm-up", measureFrom, cancellation);
        var from = _probe.Take();
        var ownFrom = Environment.CpuUsage.TotalTime;
        var publishedFrom = _driver.Published;
        await PassAsync("load", _run.Phases.End, cancellation);
        var to = _probe.Take();
        var own = Environment.CpuUsage.TotalTime - ownFrom;
        var published = _driver.Published - publishedFrom;
        var seconds = Math.Max(1e-9, (Math.Min(_run.Clock.Now, _run.Phases.End) - measureFrom) / 1e9);
        if (cancellation.IsCancellationRequested)
        {
            _driver.Stop();
        }

        await DrainAsync();
        _driver.Stop();
        var lane = _run.Total();
        var report = new LoadReport
        {
            Seconds = Math.Round(seconds, 3),
            PublishesPerSecond = Math.Round(published / seconds, 1),
            Deliveries = lane.Measured,
            DeliveriesPerSecond = Math.Round(lane.Measured / seconds),
            LatencyUs = LatencyReport.Of(lane.Deliveries),
            AckLatencyUs = lane.Acks.Count > 0 ? LatencyReport.Of(lane.Acks) : null,
            SendLagUs = _options.Rate is null ? null : LatencyReport.Of(_driver.Lag),
            DeliveriesPerRead = Math.Round((double)lane.Measured / Math.Max(1, lane.Reads), 2),
            WireBytesPerDelivery = Math.Round((double)lane.Bytes / Math.Max(1, lane.Measured), 1),
            GeneratorCpuPercent = Math.Round(100 * own.TotalSeconds / seconds, 1),
        };
        return (report, lane, from, to);
    }

    /// <summary>Lets the load run until an instant, looking after it once a second.</summary>
    private async Task PassAsync(string phase, long until, CancellationToken cancellation)
    {
        while (_run.Clock.Now is var now && now < until && !cancellation.IsCancellationRequested)
        {
            var step = Math.Min(1.0, (until - now) / 1e9);
            await PauseAsync(step, cancellation);
            _driver.Tick();
            if (_run.Clock.Now - now > 900_000_000)
            {
                ShowProgress(phase, (_run.Clock.Now - now) / 1e9);
            }

            if (_publishers.Exists(static publisher => publisher.WasLost) || !Array.Exists(_subscribers, static subscriber => subscriber.IsReady))
            {
                // Nobody to publish or nobody to receive: the rest would measure nothing.
                return;
            }
        }
    }

    /// <summary>Waits until everything published has arrived and is answered, or the time for it is over.</summary>
    private async Task DrainAsync()
    {
        var until = _run.Clock.Now + (long)(_options.DrainSeconds * 1e9);
        while (_run.Clock.Now < until && (IsBehind() || _run.Progress().Answered < _driver.Published || _subscribers.Sum(Missing) > 0))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), _time, CancellationToken.None);
        }
    }

    private long Missing(Subscriber subscriber) => subscriber.IsReady ? subscriber.Result(_driver.Published).Missing : 0;

    // The open loop may still have publishes to send that the server pushed back before the end of the load.
    private bool IsBehind() => _options.Rate is { } rate && _driver.Published < new Pacer(_run.Clock, _run.Phases.Start, rate).CountBefore(_run.Phases.End);

    private void ShowProgress(string phase, double elapsed)
    {
        double? cpu = _probe.IsActive ? _probe.Take().CpuSeconds : null;
        _progress.Loading(phase, (_run.Clock.Now - _run.Phases.Start) / 1e9, _run.Progress().Received, _driver.Published, _driver.Open, cpu, elapsed);
    }

    private CheckReport Judge(Lane lane, ConnectResult connect)
    {
        SubscriberResult sum = default;
        foreach (var subscriber in _subscribers.Where(static subscriber => subscriber.IsReady))
        {
            var one = subscriber.Result(_driver.Published);
            sum = new SubscriberResult(
                sum.Missing + one.Missing,
                sum.OffsetGaps + one.OffsetGaps,
                sum.OffsetRepeats + one.OffsetRepeats,
                sum.EpochChanges + one.EpochChanges,
                sum.WithoutPosition + one.WithoutPosition);
        }

        return new CheckReport
        {
            Published = _driver.Published,
            Accepted = lane.Accepted,
            Refused = lane.Refused,
            Unanswered = _driver.Published - lane.Accepted - lane.Refused,
            Unsent = _driver.Unsent,
            Received = lane.Received,
            Missing = sum.Missing,
            Duplicates = lane.Duplicates,
            OutOfOrder = lane.OutOfOrder,
            Misdelivered = lane.Misdelivered,
            OffsetGaps = sum.OffsetGaps,
            OffsetRepeats = sum.OffsetRepeats,
            EpochChanges = sum.EpochChanges,
            WithoutPosition = sum.WithoutPosition,
            FailedConnections = connect.Failed + _failedPublishers,
            LostConnections = _subscribers.Count(static subscriber => subscriber.WasLost),
            LostPublishers = _publishers.Count(static publisher => publisher.WasLost),
            Stalled = _driver.Stalled,
        };
    }

    private ServerReport ServerFigures(ServerSample before, ServerSample connected, ServerSample from, ServerSample to, int ready, LoadReport? load)
    {
        var cpu = to.CpuSeconds - from.CpuSeconds;
        return new ServerReport
        {
            ResidentBytesPerConnection = ready == 0 ? 0 : Math.Round((double)(connected.ResidentBytes - before.ResidentBytes) / ready),
            ConnectCpuUsPerConnection = ready == 0 ? 0 : Math.Round((connected.CpuSeconds - before.CpuSeconds) * 1e6 / ready, 1),
            CpuPercent = Math.Round(100 * cpu / (load?.Seconds ?? _options.Seconds), 1),
            CpuUsPerDelivery = load is { Deliveries: > 0 } ? Math.Round(cpu * 1e6 / load.Deliveries, 3) : 0,
            ResidentMib = Math.Round(to.ResidentBytes / 1048576.0, 1),
        };
    }

    private async Task PauseAsync(double seconds, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(seconds), _time, cancellation);
        }
        catch (OperationCanceledException)
        {
            // The run ends early; the caller looks at the token.
            return;
        }
    }
}
