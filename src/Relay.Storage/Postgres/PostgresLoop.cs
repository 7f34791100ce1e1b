using Microsoft.Extensions.Logging;
using Npgsql;
using Relay.Actors.Bridges;

namespace Relay.Storage.Postgres;

/// <summary>
/// Keeps one connection open and serves it: connects, runs <c>serve</c> until it fails, pauses, connects again. The parts that read something from PostgreSQL for
/// ever are made of this. One loop, started by <see cref="Start"/>, ended by <see cref="DisposeAsync"/>.
/// </summary>
/// <remarks>
/// Connections are not pooled: a pool would hand out, after a server's restart, one dead connection after the other. Every failure ends the connection; which
/// statement it was does not matter, because everything here is either repeatable or inside a transaction.
/// </remarks>
internal sealed partial class PostgresLoop : IAsyncDisposable
{
    // A statement of a bridge takes milliseconds. This is how a server that hangs (SIGSTOP, a lock on the table) is noticed.
    private const int CommandSeconds = 10;

    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _source;
    private readonly string _server;
    private readonly string _name;
    private readonly string _loss;
    private readonly Func<NpgsqlConnection, Action, CancellationToken, Task> _serve;
    private readonly BridgeServices _services;
    private readonly BridgeHealth _health;
    private readonly RetryPause _pause;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private bool _ill;
    private bool _disposed;
    private long _illSince;

    /// <param name="connectionString">Npgsql's; pooling, time-outs and name are set here.</param>
    /// <param name="name">As in <see cref="BridgeMetrics"/>.</param>
    /// <param name="loss">What an interruption means, for people: the end of a sentence.</param>
    /// <param name="serve">Works on an open connection until it is cancelled or fails; calls the action whenever it has proved that all is well.</param>
    /// <param name="services">Surroundings.</param>
    /// <param name="health">Null = well.</param>
    public PostgresLoop(
        string connectionString, string name, string loss, Func<NpgsqlConnection, Action, CancellationToken, Task> serve, BridgeServices services, BridgeHealth health)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, TcpKeepAlive = true, CommandTimeout = CommandSeconds };
        settings.ApplicationName ??= "relay-" + name;
        _server = $"{settings.Host}:{settings.Port}/{settings.Database ?? settings.Username}";
        _source = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
        _name = name;
        _loss = loss;
        _serve = serve;
        _services = services;
        _health = health;
        _pause = new RetryPause(services.NextRandom());
        _log = services.Loggers.CreateLogger<PostgresLoop>();
    }

    /// <summary>Begins to connect; returns at once.</summary>
    public void Start()
    {
        _health.Set(_name, $"PostgreSQL {_server}: not connected yet; {_loss}");
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>Ends the loop within 5 s.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _stopping.CancelAsync();
        try
        {
            await _loop.WaitAsync(StopBound, _services.Time);
            _stopping.Dispose();
        }
        catch (TimeoutException)
        {
            LogNotEnded(_name, StopBound.TotalSeconds);
        }

        await _source.DisposeAsync();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var connection = await _source.OpenConnectionAsync(stopping);
                await _serve(connection, Well, stopping);
            }
            catch (Exception error) when (stopping.IsCancellationRequested)
            {
                LogEnded(_name, error.Message);
                return;
            }
            catch (Exception error)
            {
                Ill(error.Message);
            }

            await Task.Delay(_pause.Next(), _services.Time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Well()
    {
        _pause.Reset();
        _health.Set(_name, null);
        if (_ill)
        {
            var seconds = _services.Time.GetElapsedTime(_illSince).TotalSeconds;
            LogHealed(_name, _server, seconds);
        }

        _ill = false;
    }

    private void Ill(string reason)
    {
        _health.Set(_name, $"PostgreSQL {_server}: {reason}; {_loss}");
        if (!_ill)
        {
            _illSince = _services.Time.GetTimestamp();
            _services.Metrics.Interrupted(_name);
            LogIll(_name, _server, reason, _loss);
        }

        _ill = true;
    }

    [LoggerMessage(EventId = 60, Level = LogLevel.Warning, Message = "Bridge {Name}: PostgreSQL {Server}: {Reason}; {Loss}. It is tried again until it works")]
    private partial void LogIll(string name, string server, string reason, string loss);

    [LoggerMessage(EventId = 61, Level = LogLevel.Information, Message = "Bridge {Name}: PostgreSQL {Server} works again after {Seconds:0.###} s")]
    private partial void LogHealed(string name, string server, double seconds);

    [LoggerMessage(EventId = 62, Level = LogLevel.Debug, Message = "Bridge {Name} ended: {Reason}")]
    private partial void LogEnded(string name, string reason);

    [LoggerMessage(EventId = 63, Level = LogLevel.Error, Message = "Bridge {Name} did not end within {Seconds} s")]
    private partial void LogNotEnded(string name, double seconds);
}
