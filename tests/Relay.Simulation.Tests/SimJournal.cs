using Relay.Kernel.Persistence;

namespace Relay.Simulation.Tests;

/// <summary>One node's way to the journal that all share: calls take time, keep their order, and may fail with or without having been carried out.</summary>
internal sealed class SimJournal(SimWorld world, SimNode node) : IJournal, ISnapshotStore
{
    private TimeSpan _lastArrival;

    public string? Illness => null;

    public ValueTask<JournalResult> OpenAsync(OpenStream open) => Write(journal =>
    {
        world.Fences[open.Stream] = Math.Max(open.Fence, world.Fences.GetValueOrDefault(open.Stream));
        return journal.OpenAsync(open);
    });

    public ValueTask<JournalResult> AppendAsync(AppendBatch batch)
    {
        if (!world.Controls.JournalAnswersBeforeItStores)
        {
            if (world.Network.Happens(0.01))
            {
                return Straggle(batch);
            }

            return Write(journal => journal.AppendAsync(batch));
        }

        // It takes its time, and dies with the node.
        world.After(world.Random.Next(1, 60), () => node.Run(() => _ = world.Journal.AppendAsync(batch).AsTask()));
        return new(new JournalResult(JournalOutcome.Done, default));
    }

    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => Write(journal => journal.PruneAsync(prune));

    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => Write(journal => journal.RenewAsync(renew));

    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => Write(journal => journal.RemoveAsync(remove));

    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read) => Read(journal => journal.ReadAsync(read));

    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) => Read(journal => journal.ReadIdsAsync(stream, sinceMicros, limit));

    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => Read(journal => journal.ReadLastValuesAsync(stream, limit));

    public ValueTask<ListedStream[]> ListAsync(string after, int limit) => Read(journal => journal.ListAsync(after, limit));

    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => Write(journal => ((ISnapshotStore)journal).SaveSnapshotAsync(snapshot));

    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) => Read(journal => ((ISnapshotStore)journal).LoadSnapshotAsync(persistenceId));

    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => Write(journal => ((ISnapshotStore)journal).DeleteSnapshotAsync(persistenceId));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // Nobody waits for it any more when it arrives, so late that the stream may have another owner. While it has not, it never does: no append passes the next opening by the same owner.
    private ValueTask<JournalResult> Straggle(AppendBatch batch)
    {
        world.After(world.Random.Next(2000, 8000), () =>
        {
            if (world.Fences.GetValueOrDefault(batch.Stream) > batch.Fence)
            {
                _ = world.Journal.AppendAsync(batch).AsTask();
            }
        });
        var answer = new TaskCompletionSource<JournalResult>();
        world.After(world.Network.Delay(), () => node.Run(() => answer.SetResult(new JournalResult(JournalOutcome.Unavailable, default, "the journal does not answer"))));
        return new(answer.Task);
    }

    private ValueTask<JournalResult> Write(Func<IJournal, ValueTask<JournalResult>> write) =>
        Call(write, new JournalResult(JournalOutcome.Unavailable, default, "the journal does not answer"), fault: null);

    private ValueTask<T> Read<T>(Func<IJournal, ValueTask<T>> read) => Call(read, default!, new JournalException("the journal does not answer", isRetryable: true));

    private ValueTask<T> Call<T>(Func<IJournal, ValueTask<T>> call, T failure, Exception? fault)
    {
        var answer = new TaskCompletionSource<T>();
        void Answer(T result, Exception? error) => world.After(world.Network.Delay(), () => node.Run(() =>
        {
            if (error is null)
            {
                answer.SetResult(result);
            }
            else
            {
                answer.SetException(error);
            }
        }));

        var at = world.Time.Elapsed + TimeSpan.FromMilliseconds(world.Network.Delay());
        _lastArrival = at > _lastArrival ? at : _lastArrival + TimeSpan.FromTicks(1);
        world.After((_lastArrival - world.Time.Elapsed).TotalMilliseconds, () =>
        {
            if (!world.Network.IsJournalUp)
            {
                Answer(failure, fault);
                return;
            }

            // Carried out even when the node is gone by now, or does not hear of it.
            var result = call(world.Journal).AsTask().Result;
            var isHeard = !world.Network.Happens(0.01);
            Answer(isHeard ? result : failure, isHeard ? null : fault);
        });
        return new(answer.Task);
    }
}
