using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <summary>Reads one stream: see <see cref="RedisStreamSource"/>. One loop on one connection; nothing here is shared.</summary>
internal sealed partial class RedisStreamLoop : IAsyncDisposable
{
    // How long the server waits for an entry. Only bounds how late a take-over may begin; an entry ends the wait at once.
    private static readonly TimeSpan Block = TimeSpan.FromSeconds(2);

    // A dead entry keeps so many names and values at most; Lua's unpack ends near 8,000.
    private const int MaxDeadFields = 1000;

    private static readonly RedisScript DeadLetter = RedisScript.FromResource(typeof(RedisStreamLoop).Assembly, "dead_letter.lua");

    private static readonly RedisScript DropIdleConsumers = RedisScript.FromResource(typeof(RedisStreamLoop).Assembly, "drop_idle_consumers.lua");

    private readonly RedisClient _redis;
    private readonly string _stream;
    private readonly RedisStreamOptions _options;
    private readonly BridgeServices _services;
    private readonly BridgeHealth _health;
    private readonly RetryPause _pause;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task _loop = Task.CompletedTask;
    private int _count;
    private long _claimedAt;
    private bool _claimed;
    private bool _ill;
    private long _illSince;

    public RedisStreamLoop(RedisClient redis, string stream, RedisStreamOptions options, BridgeServices services, BridgeHealth health)
    {
        _redis = redis;
        _stream = stream;
        _options = options;
        _services = services;
        _health = health;
        _count = options.BatchSize;
        _pause = new RetryPause(services.NextRandom());
        _log = services.Loggers.CreateLogger<RedisStreamLoop>();
    }

    private string Dead => _stream + ":dead";

    public void Start()
    {
        _health.Set(_stream, $"stream {_stream} is not read yet: not connected to Redis {_redis.State.Endpoint}");
        _redis.StateChanged += OnState;
        _redis.Start();
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>Ends when the batch under way is done.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
    }

    /// <summary>Closes the connection, which also ends whatever <see cref="StopAsync"/> could not wait for.</summary>
    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    private void OnState(RedisStateChange change)
    {
        if (change is { State: RedisState.Down, Reason: { } reason })
        {
            Ill(reason);
        }
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await _redis.WaitReadyAsync(stopping);
                await PrepareAsync(stopping);
                await ServeAsync(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                Adapt(error);
                Ill(error.Message);
            }

            await Task.Delay(_pause.Next(), _services.Time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// The group, and what this consumer had left: entries of a batch that was not confirmed, of the process before this one, or of an answer that
    /// the connection lost.
    /// </summary>
    private async Task PrepareAsync(CancellationToken stopping)
    {
        if (await _redis.StreamGroupCreateAsync(_stream, _options.Group, "0"))
        {
            LogGroupMade(_options.Group, _stream);
        }

        while (true)
        {
            var left = await _redis.StreamReadOwnPendingAsync(_options.Group, _options.Consumer, _count, _stream);
            if (left.Sum(static batch => batch.Entries.Length) == 0)
            {
                break;
            }

            foreach (var batch in left)
            {
                await HandleAsync(batch.Entries);
            }

            stopping.ThrowIfCancellationRequested();
        }

        await DropIdleConsumers.RunAsync(_redis, [_stream], [_options.Group, (long)_options.ConsumerIdle.TotalMilliseconds]);
    }

    private async Task ServeAsync(CancellationToken stopping)
    {
        while (true)
        {
            stopping.ThrowIfCancellationRequested();
            await ClaimAsync(stopping);
            Well();
            // A read that is abandoned at the stop may still be answered: its entries stay pending and come first at the next start.
            var read = _redis.StreamReadGroupAsync(_options.Group, _options.Consumer, _count, Block, _stream);
            foreach (var batch in await read.AsTask().WaitAsync(stopping))
            {
                await HandleAsync(batch.Entries);
            }
        }
    }

    private async Task ClaimAsync(CancellationToken stopping)
    {
        if (_claimed && _services.Time.GetElapsedTime(_claimedAt) < _options.ClaimIdle / 2)
        {
            return;
        }

        for (var cursor = "0-0"; ;)
        {
            var claimed = await _redis.StreamAutoClaimAsync(_stream, _options.Group, _options.Consumer, _options.ClaimIdle, cursor, _count);
            if (claimed.Entries.Length > 0)
            {
                LogClaimed(claimed.Entries.Length, _stream);
                await HandleAsync(claimed.Entries);
            }

            cursor = claimed.Cursor;
            if (cursor == "0-0")
            {
                break;
            }

            stopping.ThrowIfCancellationRequested();
        }

        _claimed = true;
        _claimedAt = _services.Time.GetTimestamp();
    }

    /// <summary>Publishes, then acknowledges. Any failure leaves the entries pending, and <see cref="PrepareAsync"/> begins with them.</summary>
    private async Task HandleAsync(StreamEntry[] entries)
    {
        var items = new List<BridgeItem>(entries.Length);
        var done = new List<string>(entries.Length);
        foreach (var entry in entries)
        {
            if (entry.Fields is null)
            {
                // Trimmed or deleted by somebody before it was acknowledged; nothing is left of it to deliver.
                done.Add(entry.Id);
                continue;
            }

            var json = entry.Field("json"u8);
            if (_services.Envelopes.TryRead(RedisStreamSource.SourceName, json.AsMemory(), $"stream:{_stream}:{entry.Id}", out var item, out var fault))
            {
                items.Add(item);
                done.Add(entry.Id);
            }
            else
            {
                await BuryAsync(entry, json.IsNull ? "the entry has no field 'json'" : BridgeFaults.Explain(fault));
            }
        }

        if (items.Count > 0)
        {
            await _services.Publish(items, CancellationToken.None);
            _services.Metrics.Accepted(RedisStreamSource.SourceName, items.Count);
        }

        if (done.Count > 0)
        {
            await _redis.StreamAcknowledgeAsync(_stream, _options.Group, [.. done]);
        }

        _count = Math.Min(_count * 2, _options.BatchSize);
    }

    private async Task BuryAsync(StreamEntry entry, string reason)
    {
        RedisArg[] arguments =
        [
            _options.Group, entry.Id, reason, _options.DeadKept,
            .. entry.Fields!.Take(MaxDeadFields).Select(static field => (RedisArg)field.AsMemory()),
        ];
        await DeadLetter.RunAsync(_redis, [_stream, Dead], arguments);
    }

    /// <summary>A batch of very large entries may exceed what the client takes as one reply; one entry alone must fit.</summary>
    private void Adapt(Exception error)
    {
        if (error is RedisException { Kind: RedisErrorKind.Protocol } || error.InnerException is RedisException { Kind: RedisErrorKind.Protocol })
        {
            _count = Math.Max(1, _count / 4);
        }
    }

    private void Well()
    {
        lock (_gate)
        {
            _pause.Reset();
            _health.Set(_stream, null);
            if (_ill)
            {
                var seconds = _services.Time.GetElapsedTime(_illSince).TotalSeconds;
                LogHealed(_stream, seconds);
            }

            _ill = false;
        }
    }

    private void Ill(string reason)
    {
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            _health.Set(_stream, $"stream {_stream} at Redis {_redis.State.Endpoint} is not read: {reason}; its entries wait there");
            if (!_ill)
            {
                _illSince = _services.Time.GetTimestamp();
                _services.Metrics.Interrupted(RedisStreamSource.SourceName);
                LogIll(_stream, _redis.State.Endpoint, reason);
            }

            _ill = true;
        }
    }

    [LoggerMessage(EventId = 51, Level = LogLevel.Information, Message = "Consumer group {Group} of stream {Stream} made, from the stream's beginning")]
    private partial void LogGroupMade(string group, string stream);

    [LoggerMessage(EventId = 52, Level = LogLevel.Information, Message = "{Count} entries of stream {Stream} taken over from a consumer that did not acknowledge them")]
    private partial void LogClaimed(int count, string stream);

    [LoggerMessage(EventId = 53, Level = LogLevel.Warning, Message = "Stream {Stream} at Redis {Endpoint} is not read: {Reason}; its entries wait there")]
    private partial void LogIll(string stream, RedisEndpoint endpoint, string reason);

    [LoggerMessage(EventId = 54, Level = LogLevel.Information, Message = "Stream {Stream} is read again after {Seconds:0.###} s")]
    private partial void LogHealed(string stream, double seconds);
}
