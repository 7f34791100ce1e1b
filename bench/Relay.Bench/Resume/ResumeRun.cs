using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Bench.Options;
using Relay.Bench.Report;

namespace Relay.Bench.Resume;

/// <summary>
/// One run of <c>--resume</c>: everyone subscribes and gets a few events; all connections are dropped; events are published while everyone is away; perhaps the
/// server is restarted; all come back at once and must get exactly what they missed, then a few events more. Used once.
/// </summary>
internal sealed class ResumeRun : IAsyncDisposable
{
    /// <summary>Events per channel before they leave, and after they are back.</summary>
    private const int Few = 3;

    private readonly RunState _run;
    private readonly BenchOptions _options;
    private readonly Progress _progress;
    private readonly AckedPublishing _publishing;
    private readonly StreamMap _map;
    private readonly ResumeClient[] _clients;
    private readonly bool[] _wasThere;
    private ResumeConnection?[] _connections;
    private ServerProbe _probe;
    private ConnectPhase _connecting;
    private int _lost;
    private int _back;
    private long _expected;

    public ResumeRun(RunState run, Progress progress)
    {
        _run = run;
        _options = run.Options;
        _progress = progress;
        _probe = new ServerProbe(_options.ServerPids);
        _map = new StreamMap(_options.Channels, 1);
        _publishing = new AckedPublishing(run, _map);
        _connecting = new ConnectPhase(run);
        _clients = [.. Enumerable.Range(0, _options.Subscribers).Select(i => new ResumeClient(i % _options.Channels, _map))];
        _connections = new ResumeConnection?[_clients.Length];
        _wasThere = new bool[_clients.Length];
    }

    /// <summary>Runs.</summary>
    /// <param name="cancellation">Ends the run early; what is not back then has failed.</param>
    public async Task<BenchReport> RunAsync(CancellationToken cancellation)
    {
        var first = await ConnectAsync(target: null, cancellation);
        ResumeReport? resume = null;
        ConnectResult again = default;
        if (first.Ready > 0 && await LeaveAsync(cancellation))
        {
            (resume, again) = await ReturnAsync(cancellation);
        }

        await DropAllAsync();
        return new BenchReport
        {
            Label = _options.Label,
            Mode = "resume",
            Dialect = _options.Dialect.ToString().ToLowerInvariant(),
            PublishVia = "ws",
            Run = _run.Marker.Run,
            Subscribers = _options.Subscribers,
            Channels = _options.Channels,
            Publishers = _options.Publishers,
            PayloadBytes = _options.PayloadBytes,
            Window = _options.Window,
            Connect = new ConnectReport(first.Ready, first.Failed + again.Failed, _lost, Math.Round(first.Seconds, 3), Math.Round(first.Ready / Math.Max(first.Seconds, 1e-9))),
            Resume = resume,
            Checks = Judge(first.Failed + again.Failed),
            Interrupted = cancellation.IsCancellationRequested,
            FirstError = _run.FirstError,
        };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await DropAllAsync();

    private Task<ConnectResult> ConnectAsync(long? target, CancellationToken cancellation)
    {
        _connecting = new ConnectPhase(_run);
        var returning = Enumerable.Range(0, _clients.Length).Where(index => target is null || _wasThere[index]).ToArray();
        return _connecting.OpenAsync(
            returning.Length,
            async (number, source, either) =>
            {
                var index = returning[number];
                var client = _clients[index];
                client.ConnectedFrom = _run.Clock.Now;
                var connection = new ResumeConnection(_run, index, client, target, () => Interlocked.Increment(ref _back));
                _connections[index] = connection;
                var failure = await connection.OpenAsync(_run.Plan.PublisherPath, source, either);
                _wasThere[index] |= failure is null;
                return failure;
            },
            cancellation);
    }

    /// <summary>A few events for everyone, then nobody is there, and what will be missed is published. False when that went wrong.</summary>
    private async Task<bool> LeaveAsync(CancellationToken cancellation)
    {
        await PauseAsync(cancellation);
        if (!await PublishAsync("before", Few, cancellation) || !await UntilReceivedAsync("before", cancellation))
        {
            _expected = _publishing.Published;
            return false;
        }

        _expected = _publishing.Published;
        await DropAllAsync();
        await PauseAsync(cancellation);
        return await PublishAsync("away", _options.Missed, cancellation);
    }

    private async Task<(ResumeReport Report, ConnectResult Connect)> ReturnAsync(CancellationToken cancellation)
    {
        double? restarted = null;
        if (_options.RestartCommand is { } command)
        {
            _progress.Say("restart");
            var restart = await new ServerRestart(_run).RunAsync(command, cancellation);
            if (restart.Failure is { } failure)
            {
                _run.Fail(failure);
                return (Report(0, 0, 0, default, null, null), default);
            }

            restarted = restart.Seconds;
            _probe = restart.Pid is { } pid && _probe.IsActive ? new ServerProbe([pid]) : _probe;
        }

        await PauseAsync(cancellation);
        _expected = _publishing.Published;
        await using var watch = new ServerWatch(_probe, _run.Clock.Time);
        var received = _run.Progress().Received;
        var began = _run.Clock.Now;
        var own = Environment.CpuUsage.TotalTime;
        var connecting = ConnectAsync(_expected / _options.Channels, cancellation);
        await UntilAsync("return", () => connecting.IsCompleted && IsEveryoneBackOrLost(), cancellation);
        var connected = await connecting;
        var ended = _clients.Max(static client => client.BackAt) is var last and > 0 ? last : _run.Clock.Now;
        var seconds = Math.Max(1e-9, (ended - began) / 1e9);
        own = Environment.CpuUsage.TotalTime - own;
        var report = Report(connected.Ready, seconds, (_run.Progress().Received - received) / seconds, own, restarted, ServerFigures(watch));
        if (report.Back == _clients.Length && await PublishAsync("live", Few, cancellation))
        {
            await UntilReceivedAsync("live", cancellation);
            _expected = _publishing.Published;
        }

        return (report, connected);
    }

    private ResumeReport Report(int returned, double seconds, double missedPerSecond, TimeSpan own, double? restarted, ResumeServerReport? server)
    {
        var (resume, connect) = (new LatencyHistogram(), new LatencyHistogram());
        foreach (var client in _clients.Where(static client => client.BackAt > 0))
        {
            resume.Record(client.BackAt - client.AskedAt);
            connect.Record(client.BackAt - client.ConnectedFrom);
        }

        return new ResumeReport
        {
            MissedEach = _options.Missed,
            Returned = returned,
            Back = (int)resume.Count,
            NotRecovered = _clients.Count(static client => client.Recovered != true),
            SecondsUntilAllBack = Math.Round(seconds, 3),
            MissedPerSecond = Math.Round(missedPerSecond),
            LatencyUs = LatencyReport.Of(resume),
            ConnectLatencyUs = LatencyReport.Of(connect),
            GeneratorCpuPercent = seconds > 0 ? Math.Round(100 * own.TotalSeconds / seconds, 1) : 0,
            RestartSeconds = restarted is { } value ? Math.Round(value, 3) : null,
            Server = server,
        };
    }

    private ResumeServerReport? ServerFigures(ServerWatch watch)
    {
        if (!_probe.IsActive)
        {
            return null;
        }

        var after = _probe.Take();
        return new ResumeServerReport
        {
            CpuSeconds = Math.Round(after.CpuSeconds - watch.Before.CpuSeconds, 2),
            CpuUsPerClient = Math.Round((after.CpuSeconds - watch.Before.CpuSeconds) * 1e6 / _clients.Length, 1),
            ResidentBeforeMib = Mib(watch.Before.ResidentBytes),
            ResidentPeakMib = Mib(watch.Peak),
            ResidentAfterMib = Mib(after.ResidentBytes),
        };
    }

    private CheckReport Judge(int failed)
    {
        var lane = _run.Total();
        var clients = _clients.Where((_, index) => _wasThere[index]).ToArray();
        return new CheckReport
        {
            Published = _publishing.Published,
            Accepted = lane.Accepted,
            Refused = lane.Refused,
            Unanswered = _publishing.Unanswered,
            Unsent = 0,
            Received = lane.Received,
            Missing = clients.Sum(client => client.Missing(_expected)),
            Duplicates = lane.Duplicates,
            OutOfOrder = lane.OutOfOrder,
            Misdelivered = lane.Misdelivered,
            OffsetGaps = clients.Sum(static client => client.Positions.Gaps),
            OffsetRepeats = clients.Sum(static client => client.Positions.Repeats),
            EpochChanges = clients.Sum(static client => client.Positions.EpochChanges),
            WithoutPosition = clients.Sum(static client => client.Positions.Absent),
            FailedConnections = failed + _publishing.Failed,
            LostConnections = _lost,
            LostPublishers = 0,
            Stalled = 0,
        };
    }

    private Task<bool> PublishAsync(string phase, int perChannel, CancellationToken cancellation) =>
        _publishing.PublishAsync(perChannel, () => UntilAsync(phase, () => _publishing.IsDone, cancellation), cancellation);

    /// <summary>Waits until everyone has everything that was published.</summary>
    private Task<bool> UntilReceivedAsync(string phase, CancellationToken cancellation)
    {
        var published = _publishing.Published;
        return UntilAsync(phase, () => _connections.All(connection => connection is not { IsReady: true }) || Missing(published) == 0, cancellation);
    }

    private long Missing(long published) => _clients.Where((_, index) => _connections[index] is { IsReady: true }).Sum(client => client.Missing(published));

    private bool IsEveryoneBackOrLost() =>
        Volatile.Read(ref _back) + _connections.Count(static connection => connection is { WasLost: true }) >= _connecting.Ready;

    /// <summary>Waits; false when nothing has come for <c>--drain</c>, or the run is interrupted.</summary>
    private async Task<bool> UntilAsync(string phase, Func<bool> isDone, CancellationToken cancellation)
    {
        var patience = (long)(_options.DrainSeconds * 1e9);
        var (seen, at, shown) = (0L, _run.Clock.Now, _run.Clock.Now);
        while (!isDone())
        {
            if (cancellation.IsCancellationRequested || _run.Clock.Now - at > patience)
            {
                return isDone();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), _run.Clock.Time, CancellationToken.None);
            var (received, answered) = _run.Progress();
            if (received + answered + _connecting.Ready is var now && now != seen)
            {
                (seen, at) = (now, _run.Clock.Now);
            }

            if (_run.Clock.Now - shown > 1_000_000_000)
            {
                shown = _run.Clock.Now;
                _progress.Resuming(phase, _publishing.Published, received, Volatile.Read(ref _back), _clients.Length);
            }
        }

        return true;
    }

    private async Task DropAllAsync()
    {
        var connections = _connections;
        _connections = new ResumeConnection?[_clients.Length];
        _lost += connections.Count(static connection => connection is { WasLost: true });
        foreach (var connection in connections)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private Task PauseAsync(CancellationToken cancellation) =>
        Task.Delay(TimeSpan.FromSeconds(_options.SettleSeconds), _run.Clock.Time, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);

    private static double Mib(long bytes) => Math.Round(bytes / 1048576.0, 1);
}
