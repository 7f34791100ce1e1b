using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <summary>Reads one stream: see <see cref="RedisStreamSource"/>. One loop on one connection; nothing here is shared.</summary>
internal sealed partial class RedisStreamLoop : IAsyncDisposable
{
    // How long the server waits for an entry. Only bounds how late a take-over may begin; an entry ends the wait at once.
    private static readonly TimeSpan Block = TimeSpan.FromSeconds(2);

    // How long it is waited while too many entries are set aside.
    private static readonly TimeSpan FullPause = TimeSpan.FromMilliseconds(500);

    private static readonly RedisScript DropIdleConsumers = RedisScript.FromResource(typeof(RedisStreamLoop).Assembly, "drop_idle_consumers.lua");

    private readonly RedisClient _redis;
    private readonly string _stream;
    private readonly RedisStreamOptions _options;
    private readonly BridgeServices _services;
    private readonly BridgeHealth _health;
    private readonly RetryPause _pause;
    private readonly StreamEnvelopes _envelopes;
    private readonly RedisDeadLetters _dead;
    private SetAside<string> _asides;

    // What is left of entries that only some of their channels have accepted. A channel forgets ids in time, so it must not be asked twice for long.
    private readonly Dictionary<string, BridgeItem> _partly = new(StringComparer.Ordinal);
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task _loop = Task.CompletedTask;
    private int _count;
    private long _claimedAt;
    private bool _claimed;
    private bool _readsOwnPending;
    private bool _isTooLarge;
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
        _envelopes = new StreamEnvelopes(options.NameOf(stream), options.MaxBytes, services);
        _dead = new RedisDeadLetters(redis, stream, options, services, health);
        _asides = new SetAside<string>(services, options.MaxTries, options.RetryPause);
        _log = services.Loggers.CreateLogger<RedisStreamLoop>();
    }

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
                await AwaitTurnAsync(stopping);
                await PrepareAsync(stopping);
                await ServeAsync(stopping);
                continue;
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
        try
        {
            if (await _redis.StreamGroupCreateAsync(_stream, _options.Group, "0"))
            {
                LogGroupMade(_options.Group, _stream);
            }
        }
        catch (RedisException error) when (error.Code is "OOM")
        {
            // Redis does not even look whether the group is there. Reading and acknowledging need no memory, and without a group they say so.
        }

        if (_isTooLarge)
        {
            await BuryTooLargeAsync();
        }

        await TakePendingAsync(stopping);
        for (var after = "0"; IsReader;)
        {
            await TendAsync(stopping);
            _readsOwnPending = true;
            var left = await _redis.StreamReadOwnPendingAfterAsync(_options.Group, _options.Consumer, _count, _stream, after);
            _readsOwnPending = false;
            if (left.Length == 0)
            {
                break;
            }

            await HandleAsync(left);
            after = left[^1].Id;
            stopping.ThrowIfCancellationRequested();
        }

        _partly.Clear();
        await DropIdleConsumers.RunAsync(_redis, [_stream], [_options.Group, (long)_options.ConsumerIdle.TotalMilliseconds]);
    }

    // Ends when it is another node's turn.
    private async Task ServeAsync(CancellationToken stopping)
    {
        while (IsReader)
        {
            stopping.ThrowIfCancellationRequested();
            await TendAsync(stopping);
            await ClaimAsync(stopping);
            Well();
            // A read that is abandoned at the stop may still be answered: its entries stay pending and come first at the next start.
            var read = _redis.StreamReadGroupAsync(_options.Group, _options.Consumer, _count, _asides.Count == 0 && _options.IsReader is null ? Block : FullPause, _stream);
            var batches = await read.AsTask().WaitAsync(stopping);
            if (!IsReader)
            {
                // They stay pending, for the next reader.
                return;
            }

            foreach (var batch in batches)
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

    /// <summary>
    /// Publishes, then acknowledges what is accepted, sets aside what failed by itself, and fails when something has to wait: that stays pending, and <see cref="PrepareAsync"/>
    /// begins with it.
    /// </summary>
    private async Task HandleAsync(StreamEntry[] entries)
    {
        var items = new List<BridgeItem>(entries.Length);
        var ids = new List<string>(entries.Length);
        var done = new List<string>(entries.Length);
        foreach (var entry in entries)
        {
            var reason = "";
            if (_asides.Contains(entry.Id))
            {
                continue;
            }

            if (entry.Fields is null)
            {
                // Trimmed or deleted by somebody before it was acknowledged; nothing is left of it to deliver.
                done.Add(entry.Id);
            }
            else if (_partly.TryGetValue(entry.Id, out var item) || _envelopes.TryRead(entry, out item, out reason))
            {
                items.Add(item);
                ids.Add(entry.Id);
            }
            else
            {
                await BuryAsync(new Aside<string>(entry.Id, null, 1, reason, 0));
            }
        }

        var fates = await BridgeDelivery.DeliverAsync(_services.Publish, items);
        var dead = new List<Aside<string>>();
        string? waits = null;
        var accepted = 0;
        for (var i = 0; i < fates.Length; i++)
        {
            if (fates[i].Open is not { } open)
            {
                accepted++;
                done.Add(ids[i]);
            }
            else if (!fates[i].IsItsOwn)
            {
                waits ??= fates[i].Reason;
                _partly[ids[i]] = open;
            }
            else if (_asides.Failed(ids[i], open, fates[i].Reason!) is { } last)
            {
                dead.Add(last);
            }
        }

        if (accepted > 0)
        {
            _services.Metrics.Accepted(RedisStreamSource.SourceName, accepted);
        }

        if (done.Count > 0)
        {
            await _redis.StreamAcknowledgeAsync(_stream, _options.Group, [.. done]);
        }

        foreach (var one in dead)
        {
            await BuryAsync(one);
        }

        if (waits is not null)
        {
            throw new InvalidOperationException(waits);
        }

        _count = Math.Min(_count * 2, _options.BatchSize);
    }

    /// <summary>A batch of very large entries may exceed what the client takes as one reply; one entry alone must fit.</summary>
    private void Adapt(Exception error)
    {
        if (error is RedisException { Kind: RedisErrorKind.Protocol } || error.InnerException is RedisException { Kind: RedisErrorKind.Protocol })
        {
            _isTooLarge = _readsOwnPending && _count == 1;
            _count = Math.Max(1, _count / 4);
        }

        _readsOwnPending = false;
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
