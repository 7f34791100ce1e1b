using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Redis.Resp;

namespace Relay.Storage.Journals.Redis;

/// <summary>
/// The journal in Redis: per stream a hash, a Redis stream and three keys for known ids and last values, changed by scripts only, which check the fence before
/// they write. As durable as the server is configured to be (<c>appendfsync</c>); survives the death of every node, and with <see cref="RedisJournalOptions.WaitReplicas"/> a failover.
/// </summary>
/// <remarks>
/// <para>
/// Group: the writes of one group go out pipelined, at most one per stream at a time, because a script that the server has to load first would change the
/// order of two. A server that forgot everything knows no stream: appends are Conflict, opening makes the stream with a new epoch (guarantees.md 5).
/// </para>
/// <para>
/// Numbers in the scripts are doubles: offsets, times and fences are exact below 2^53, which microseconds reach in the year 2255. Epochs are compared as text.
/// </para>
/// </remarks>
public sealed partial class RedisJournal : IJournal, ISnapshotStore
{
    /// <summary>Role of the connection that is the journal's own.</summary>
    public const string Role = "journal";

    private static readonly RedisScript OpenScript = Script("journal_open");
    private static readonly RedisScript AppendScript = Script("journal_append");
    private static readonly RedisScript PruneScript = Script("journal_prune");
    private static readonly RedisScript RenewScript = Script("journal_renew");
    private static readonly RedisScript RemoveScript = Script("journal_remove");
    private static readonly RedisScript ReadScript = Script("journal_read");
    private static readonly RedisScript SnapshotScript = Script("snapshot_save");

    private readonly RedisClient _redis;
    private readonly ReplicaCheck? _check;
    private readonly RedisJournalOptions _options;
    private readonly ILogger _log;
    private readonly GroupCommitter _queue;
    private readonly Task _writer;
    private volatile string? _illness;
    private int _disposed;

    /// <param name="redis">Started by the caller, who also disposes it, after this journal.</param>
    /// <param name="options">Names and bounds.</param>
    /// <param name="loggers">For illness and recovery.</param>
    public RedisJournal(RedisClient redis, RedisJournalOptions options, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(redis);
        ArgumentNullException.ThrowIfNull(options);
        _redis = redis;
        if (options.WaitReplicas > 0)
        {
            // Reads as well: they follow an opening, and must not find another server than it did.
            _redis = redis.Dedicated(Role);
            _redis.Start();
            _check = new ReplicaCheck(_redis, options.WaitReplicas, options.WaitTimeout);
        }

        _options = options;
        _log = loggers.CreateLogger<RedisJournal>();
        Place = $"the journal in Redis {redis.Options} ({redis.Options.EndpointsKey})";
        _queue = new GroupCommitter(options.Limits, Place, "redis", options.Metrics);
        _writer = _queue.RunAsync(CommitAsync, static () => true);
    }

    /// <inheritdoc/>
    public string? Illness => _illness;

    private string Place { get; }

    /// <inheritdoc/>
    public ValueTask<JournalResult> OpenAsync(OpenStream open) => _queue.Add(open);

    /// <inheritdoc/>
    public ValueTask<JournalResult> AppendAsync(AppendBatch batch) => _queue.Add(batch);

    /// <inheritdoc/>
    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => _queue.Add(prune);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => _queue.Add(renew);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => _queue.Add(remove);

    /// <inheritdoc/>
    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => _queue.Add(new SnapshotWrite.Save(snapshot));

    /// <inheritdoc/>
    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => _queue.Add(new SnapshotWrite.Delete(persistenceId));

    /// <inheritdoc/>
    public async ValueTask<JournalRecord[]> ReadAsync(ReadRecords read)
    {
        ArgumentNullException.ThrowIfNull(read);
        var reply = await AskAsync(() => ReadScript.RunAsync(
            _redis, [Keys(read.Stream)[1]], [read.AfterOffset + 1, read.SinceMicros, read.Limit, read.Newest ? 1 : 0]));
        var records = new JournalRecord[reply.Items.Length / 2];
        for (var i = 0; i < records.Length; i++)
        {
            records[i] = Record(read.Stream, reply.Items[(2 * i) + 1].AsMemory(), reply.Items[2 * i].AsInteger());
        }

        return records;
    }

    /// <inheritdoc/>
    public async ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit)
    {
        var reply = await AskAsync(() => _redis.SendAsync("ZRANGE", Keys(stream)[2], 0 - (long)limit, -1));
        var ids = new List<KnownId>(reply.Items.Length);
        foreach (ref readonly var item in reply.Items)
        {
            var entry = item.AsMemory();
            var body = entry[(entry.Span.IndexOf((byte)':') + 1)..];
            var record = Record(stream, body, OffsetIn(body));
            if (record.TimeMicros >= sinceMicros)
            {
                ids.Add(new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros));
            }
        }

        return [.. ids];
    }

    /// <inheritdoc/>
    public async ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit)
    {
        var reply = await AskAsync(() => _redis.SendAsync("HVALS", Keys(stream)[3]));
        var records = new List<JournalRecord>(reply.Items.Length);
        foreach (ref readonly var item in reply.Items)
        {
            var body = item.AsMemory();
            records.Add(Record(stream, body, OffsetIn(body)));
        }

        return [.. records.OrderBy(static record => record.Offset).TakeLast(limit)];
    }

    /// <inheritdoc/>
    public async ValueTask<ListedStream[]> ListAsync(string after, int limit)
    {
        var names = await AskAsync(() => _redis.SendAsync("ZRANGE", Index, after.Length == 0 ? "-" : "(" + after, "+", "BYLEX", "LIMIT", 0, limit));
        var entries = new List<ListedStream>(names.Items.Length);
        foreach (var name in names.Items.ToArray())
        {
            var stream = name.AsString()!;
            var meta = await AskAsync(() => _redis.SendAsync("HMGET", Keys(stream)[0], "epoch", "head", "first", "fence", "last"));
            if (!meta.Items[0].IsNull)
            {
                entries.Add(new ListedStream(stream, State(meta.Items)));
            }
        }

        return [.. entries];
    }

    /// <inheritdoc/>
    public async ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId)
    {
        var reply = await AskAsync(() => _redis.SendAsync("HMGET", SnapshotKey(persistenceId), "epoch", "number", "body"));
        var epoch = reply.Items[0];
        return epoch.IsNull
            ? null
            : SnapshotFormat.Read(persistenceId, ulong.Parse(epoch.AsString()!, CultureInfo.InvariantCulture), reply.Items[1].AsInteger(), reply.Items[2].AsMemory(), Place);
    }

    /// <summary>Sends what is queued, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _queue.Close();
        await _writer;
        _queue.Dispose();
        if (_check is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    private static long OffsetIn(ReadOnlyMemory<byte> body) => body.Length < 14 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(body.Span[6..]);

    private static RedisScript Script(string name) => RedisScript.FromResource(typeof(RedisJournal).Assembly, name + ".lua");

    private static StreamState State(ReadOnlySpan<RedisValue> meta) => new(
        ulong.Parse(meta[0].AsString()!, CultureInfo.InvariantCulture), meta[1].AsInteger(), meta[2].AsInteger(), meta[3].AsInteger(), meta[4].AsInteger());

    private RedisArg Index => JournalKeys.Index(_options.Prefix);

    private RedisArg[] Keys(string stream) => [.. JournalKeys.Of(_options.Prefix, stream), Index];

    private RedisArg SnapshotKey(string persistenceId) => JournalKeys.Snapshot(_options.Prefix, persistenceId);

    private JournalRecord Record(string stream, ReadOnlyMemory<byte> body, long offset) =>
        RecordFormat.TryRead(Encoding.UTF8.GetBytes(stream), body, offset, out var record) is { } fault
            ? throw new JournalException($"{Place}: record {offset} of stream '{stream}' is damaged ({fault}) and will not be served. Way out: delete the stream", isRetryable: false)
            : record;

    private async ValueTask CommitAsync(List<PendingWrite> group)
    {
        var line = _check?.Line;
        var trouble = group.Count == 0 ? await ProbeAsync() : null;
        var waiting = new List<PendingWrite>(group);
        while (waiting.Count > 0)
        {
            var wave = waiting.DistinctBy(static pending => pending.Stream, StringComparer.Ordinal).ToArray();
            var sent = Array.ConvertAll(wave, pending => SendAsync(pending).AsTask());
            foreach (var fault in await Task.WhenAll(sent))
            {
                trouble ??= fault;
            }

            waiting.RemoveAll(wave.Contains);
        }

        // What is well and idle has nothing that replicas could lack.
        if (_check is not null && (group.Count > 0 || _illness is not null))
        {
            trouble = await ConfirmAsync(_check, line, group) ?? trouble;
        }

        Tell(trouble);
    }

    /// <summary>What replicas do not have is in doubt. An empty group asks whether they have all that was written before.</summary>
    private async ValueTask<string?> ConfirmAsync(ReplicaCheck check, RedisLine? line, List<PendingWrite> group)
    {
        if (group.Count > 0 && !group.Exists(static pending => pending.Result.IsDone))
        {
            return null;
        }

        var doubt = await check.ConfirmAsync(line);
        foreach (var pending in group)
        {
            if (doubt is not null && pending.Result.IsDone)
            {
                pending.Result = new JournalResult(JournalOutcome.Unavailable, default, $"{Place}: {doubt}");
                pending.HasMore = false;
            }
        }

        return doubt;
    }

    /// <returns>Null, or what went wrong with the server.</returns>
    private async ValueTask<string?> SendAsync(PendingWrite pending)
    {
        try
        {
            await SendAsync(pending, Keys(pending.Stream));
            return null;
        }
        catch (RedisException error)
        {
            pending.Result = new JournalResult(JournalOutcome.Unavailable, default, $"{Place}: {error.Message}");
            return error.Message;
        }
    }

    private async ValueTask SendAsync(PendingWrite pending, RedisArg[] keys)
    {
        switch (pending.Operation)
        {
            case AppendBatch batch:
                pending.Result = Result(await AppendScript.RunAsync(_redis, keys.AsSpan(0, 5), Arguments(pending, batch)), batch.Fence);
                break;
            case OpenStream open:
                pending.Result = Result(await OpenOrBeginAsync(open, keys), open.Fence);
                break;
            case RenewStream renew:
                pending.Result = Result(await RenewScript.RunAsync(_redis, keys, [renew.Stream, renew.Fence, Text(renew.Epoch)]), renew.Fence);
                break;
            case RemoveStream remove:
                pending.Result = Result(
                    await RemoveScript.RunAsync(_redis, [.. keys, SnapshotKey(remove.Stream)], [remove.Stream, remove.Fence]), remove.Fence);
                break;
            case PruneStream prune:
                // Beyond 2^53 the script's arithmetic is not exact; so many records there never are.
                var keep = Math.Min(prune.KeepRecords, 1L << 52);
                var reply = await PruneScript.RunAsync(
                    _redis, keys.AsSpan(0, 5),
                    [prune.Fence, keep, prune.KeepSinceMicros, prune.KeepIds, prune.KeepIdsSinceMicros, prune.KeepKeys, _options.Limits.PrunePiece]);
                pending.Result = Result(reply, prune.Fence);
                pending.HasMore = pending.Result.IsDone && reply.Items[6].AsInteger() == 1;
                break;
            case SnapshotWrite.Save { Snapshot: var snapshot }:
                await SnapshotScript.RunAsync(
                    _redis, [SnapshotKey(snapshot.PersistenceId)], [Text(snapshot.Epoch), snapshot.SequenceNr, SnapshotFormat.ToArray(snapshot)]);
                pending.Result = new JournalResult(JournalOutcome.Done, default);
                break;
            default:
                await _redis.SendAsync("DEL", SnapshotKey(pending.Stream));
                pending.Result = new JournalResult(JournalOutcome.Done, default);
                break;
        }
    }

    private static RedisArg[] Arguments(PendingWrite pending, AppendBatch batch)
    {
        var arguments = new RedisArg[4 + (5 * batch.Records.Length)];
        arguments[0] = batch.Fence;
        arguments[1] = Text(batch.Epoch);
        arguments[2] = batch.FirstOffset;
        arguments[3] = batch.LastOffset;
        var at = 4;
        foreach (ref readonly var record in batch.Records.AsSpan())
        {
            arguments[at++] = record.Offset;
            arguments[at++] = record.TimeMicros;
            arguments[at++] = record.Id is null ? "" : IdEntry(pending.StreamUtf8, record);
            arguments[at++] = record.Key is null ? "" : "=" + record.Key;
            arguments[at++] = RecordFormat.ToArray(pending.StreamUtf8, record);
        }

        return arguments;
    }

    private static byte[] IdEntry(byte[] stream, in JournalRecord record) =>
        [.. Encoding.ASCII.GetBytes(record.TimeMicros.ToString(CultureInfo.InvariantCulture) + ":"), .. RecordFormat.ToArray(stream, record with { Payload = default, Key = null })];

    private static string Text(ulong epoch) => epoch.ToString(CultureInfo.InvariantCulture);

    private static JournalResult Result(in RedisValue reply, long fence)
    {
        var items = reply.Items;
        var state = items[1].AsString() == "0" ? default : State(items[1..]);
        return items[0].AsString() switch
        {
            "D" => new JournalResult(JournalOutcome.Done, state),
            "R" => new JournalResult(JournalOutcome.Repeated, state),
            "F" => new JournalResult(
                JournalOutcome.Fenced, state, $"fence {fence} is lower than {state.Fence}, which the stream has seen: it has another owner"),
            _ => new JournalResult(
                JournalOutcome.Conflict, state, state.Exists ? $"the stream is in epoch {state.Epoch} and its head is {state.Head}" : "the stream was not opened"),
        };
    }

    private async ValueTask<RedisValue> AskAsync(Func<ValueTask<RedisValue>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RedisException error)
        {
            throw new JournalException($"{Place} could not be read: {error.Message}", isRetryable: error.Kind != RedisErrorKind.Closed, error);
        }
    }

    private void Tell(string? trouble)
    {
        if (trouble is not null && _illness is null)
        {
            LogIll(Place, trouble);
        }
        else if (trouble is null && _illness is not null)
        {
            LogWell(Place);
        }

        _illness = trouble is null ? null : $"{Place} cannot be written: {trouble}";
    }

    [LoggerMessage(EventId = 95, Level = LogLevel.Error,
        Message = "{Place} cannot be written: {Reason}. Nothing is accepted for its channels until it can; it is tried twice a second")]
    private partial void LogIll(string place, string reason);

    [LoggerMessage(EventId = 96, Level = LogLevel.Information, Message = "{Place} is written again")]
    private partial void LogWell(string place);
}
