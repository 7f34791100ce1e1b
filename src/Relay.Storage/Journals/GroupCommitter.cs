using Relay.Actors.Channels;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>
/// The bounded queue in front of a store, and group commit: everything that is pending goes into one transaction (architecture.md "Persistence"). While one
/// group is being made durable the next one collects, so the group grows with the load and a lone write waits for nobody.
/// </summary>
/// <remarks>
/// One consumer: either <see cref="RunBlocking"/> on a thread of the store's own, or <see cref="RunAsync"/>. The group handed to <c>commit</c> is in the order of
/// the calls. When <c>commit</c> returns, every result in the group is told; when it throws, every write of the group is Unavailable: an error of one
/// transaction says nothing certain about any of its parts.
/// </remarks>
/// <param name="limits">Of queue and groups.</param>
/// <param name="place">For failures.</param>
/// <param name="store">As in <see cref="JournalMetrics"/>.</param>
/// <param name="metrics">What is done is counted there.</param>
internal sealed class GroupCommitter(JournalLimits limits, string place, string store, JournalMetrics metrics) : IDisposable
{
    // A store is tried this often when nobody writes: a node that is not ready gets no traffic that would find out.
    private static readonly TimeSpan ProbePause = TimeSpan.FromMilliseconds(500);

    private readonly WriteCheck _check = new(limits);
    private readonly Lock _gate = new();
    private readonly Queue<PendingWrite> _queue = new();

    // Pruning waits apart, a piece for each group: channels that began together are pruned together, and a group that did all of it kept every publisher waiting.
    private readonly Queue<PendingWrite> _prunes = new();
    private readonly SemaphoreSlim _arrived = new(0, 1);
    private readonly List<PendingWrite> _group = [];
    private int _queuedRecords;
    private long _queuedBytes;
    private bool _closed;
    private bool _signalled;

    /// <summary>Takes a write into the queue, or refuses it at once.</summary>
    /// <exception cref="ArgumentException">No journal could take it.</exception>
    public ValueTask<JournalResult> Add(object operation)
    {
        var (records, bytes) = _check.Of(operation);
        var pending = new PendingWrite(operation, records, bytes);
        lock (_gate)
        {
            if (_closed)
            {
                return Refused(JournalOutcome.Closed, $"{place} is closed");
            }

            // An empty queue takes anything: a batch above the bound would never fit otherwise.
            if (_queue.Count > 0 && (_queuedRecords + records > limits.QueuedRecords || _queuedBytes + bytes > limits.QueuedBytes))
            {
                return Refused(JournalOutcome.Busy, $"{place}: {_queuedRecords} records ({_queuedBytes} bytes) are waiting already");
            }

            Enqueue(pending);
        }

        return pending.Answer;
    }

    /// <summary>No more writes; what is queued is still written, then the loop ends.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Signal();
        }
    }

    /// <summary>Serves the queue on the calling thread until <see cref="Close"/> and the queue is empty.</summary>
    /// <param name="commit">Makes a group durable. Called with an empty one to find out whether an ill store is well again.</param>
    /// <param name="isIll">Asked when nothing is pending.</param>
    public void RunBlocking(Action<List<PendingWrite>> commit, Func<bool> isIll)
    {
        while (true)
        {
            if (!TryTakeGroup(out var ended))
            {
                if (ended)
                {
                    return;
                }

                if (_arrived.Wait(isIll() ? ProbePause : Timeout.InfiniteTimeSpan))
                {
                    continue;
                }
            }

            var began = TimeProvider.System.GetTimestamp();
            try
            {
                commit(_group);
            }
            catch (Exception error)
            {
                Fail(error, began);
                continue;
            }

            Tell(began);
        }
    }

    /// <summary>As <see cref="RunBlocking"/> for stores that are waited for.</summary>
    public async Task RunAsync(Func<List<PendingWrite>, ValueTask> commit, Func<bool> isTried)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            if (!TryTakeGroup(out var ended))
            {
                if (ended)
                {
                    return;
                }

                if (await _arrived.WaitAsync(isTried() ? ProbePause : Timeout.InfiniteTimeSpan))
                {
                    continue;
                }
            }

            var began = TimeProvider.System.GetTimestamp();
            try
            {
                await commit(_group);
            }
            catch (Exception error)
            {
                Fail(error, began);
                continue;
            }

            Tell(began);

            // Behind the continuations that were just queued: whoever got an answer and has more to write is in the next group instead of the one after it.
            await Task.Yield();
        }
    }

    public void Dispose() => _arrived.Dispose();

    private ValueTask<JournalResult> Refused(JournalOutcome outcome, string reason)
    {
        metrics.Refused(store, outcome);
        return new(new JournalResult(outcome, default, reason));
    }

    private void Enqueue(PendingWrite pending)
    {
        (pending.Operation is PruneStream ? _prunes : _queue).Enqueue(pending);
        _queuedRecords += pending.Records;
        _queuedBytes += pending.Bytes;
        Signal();
    }

    private void Signal()
    {
        if (!_signalled)
        {
            _signalled = true;
            _arrived.Release();
        }
    }

    private bool TryTakeGroup(out bool ended)
    {
        lock (_gate)
        {
            _group.Clear();
            var records = 0;
            while (_queue.TryPeek(out var next) && (_group.Count == 0 || records + next.Records <= limits.GroupRecords))
            {
                records += next.Records;
                _group.Add(Left(_queue.Dequeue()));
            }

            if (_prunes.TryDequeue(out var prune))
            {
                _group.Add(Left(prune));
            }

            ended = _closed && _group.Count == 0;
            if (_group.Count == 0 && _signalled)
            {
                // The permit that woke us, or one that a group has overtaken.
                _signalled = false;
                _arrived.Wait(0);
            }

            return _group.Count > 0;
        }
    }

    private PendingWrite Left(PendingWrite pending)
    {
        _queuedRecords -= pending.Records;
        _queuedBytes -= pending.Bytes;
        return pending;
    }

    private void Tell(long began)
    {
        Count(began);
        var told = new List<PendingWrite>(_group.Count);
        foreach (var pending in _group)
        {
            if (pending.HasMore)
            {
                pending.HasMore = false;
                lock (_gate)
                {
                    Enqueue(pending);
                }
            }
            else
            {
                told.Add(pending);
            }
        }

        Complete(told);
    }

    private void Count(long began)
    {
        if (_group.Count == 0)
        {
            return;
        }

        metrics.Committed(store, _group.Count, TimeProvider.System.GetElapsedTime(began));
        var (appends, records) = (0, 0);
        foreach (var pending in _group)
        {
            if (!pending.Result.IsDone)
            {
                metrics.Refused(store, pending.Result.Outcome);
            }
            else if (pending.Operation is AppendBatch)
            {
                appends++;
                records += pending.Records;
            }
        }

        metrics.Stored(store, appends, records);
    }

    private void Fail(Exception error, long began)
    {
        if (_group.Count > 0)
        {
            metrics.Committed(store, _group.Count, TimeProvider.System.GetElapsedTime(began));
            metrics.Refused(store, JournalOutcome.Unavailable, _group.Count);
        }

        var reason = $"{place}: {error.Message}";
        foreach (var pending in _group)
        {
            pending.Result = new JournalResult(JournalOutcome.Unavailable, default, reason);
        }

        Complete([.. _group]);
    }

    // One piece of work for the pool in place of one for each write: with 64 publishers that was a seventh of what a durable publish costs.
    private static void Complete(List<PendingWrite> told)
    {
        if (told.Count > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static writes =>
                {
                    foreach (var write in writes)
                    {
                        write.Complete();
                    }
                },
                told,
                preferLocal: false);
        }
    }
}
