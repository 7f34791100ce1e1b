using Relay.Kernel.Persistence;
using Relay.Redis.Servers;

namespace Relay.Storage.Journals.Redis;

/// <summary>
/// Several servers as one journal: a stream and its snapshot lie on the server that the ring gives for the stream's name. Each server is a journal of its own, with groups and illnesses of its
/// own, so one that is away keeps only its own streams waiting.
/// </summary>
public sealed class RingJournal : IJournal, ISnapshotStore
{
    private readonly HashRing _ring;
    private readonly RedisJournal[] _journals;

    /// <param name="ring">Of the servers' names.</param>
    /// <param name="journals">In the order in which the ring counts its servers; closed with this one.</param>
    public RingJournal(HashRing ring, IReadOnlyList<RedisJournal> journals)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ArgumentNullException.ThrowIfNull(journals);
        if (journals.Count != ring.Names.Count)
        {
            throw new ArgumentException($"{journals.Count} journals for the servers {ring}.", nameof(journals));
        }

        _ring = ring;
        _journals = [.. journals];
        foreach (var journal in _journals)
        {
            journal.MayBegin = DisagreementAsync;
        }
    }

    /// <summary>Those of all servers that are ill.</summary>
    public string? Illness => Array.Exists(_journals, static journal => journal.Illness is not null)
        ? string.Join("; ", _journals.Select(static journal => journal.Illness).OfType<string>())
        : null;

    /// <summary>Each server by itself.</summary>
    public IReadOnlyList<IJournal> Servers => _journals;

    /// <inheritdoc/>
    public ValueTask<JournalResult> OpenAsync(OpenStream open) => Of(open.Stream).OpenAsync(open);

    /// <inheritdoc/>
    public ValueTask<JournalResult> AppendAsync(AppendBatch batch) => Of(batch.Stream).AppendAsync(batch);

    /// <inheritdoc/>
    public ValueTask<JournalResult> PruneAsync(PruneStream prune) => Of(prune.Stream).PruneAsync(prune);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RenewAsync(RenewStream renew) => Of(renew.Stream).RenewAsync(renew);

    /// <inheritdoc/>
    public ValueTask<JournalResult> RemoveAsync(RemoveStream remove) => Of(remove.Stream).RemoveAsync(remove);

    /// <inheritdoc/>
    public ValueTask<JournalResult> SaveSnapshotAsync(Snapshot snapshot) => Of(snapshot.PersistenceId).SaveSnapshotAsync(snapshot);

    /// <inheritdoc/>
    public ValueTask<JournalResult> DeleteSnapshotAsync(string persistenceId) => Of(persistenceId).DeleteSnapshotAsync(persistenceId);

    /// <inheritdoc/>
    public ValueTask<Snapshot?> LoadSnapshotAsync(string persistenceId) => Of(persistenceId).LoadSnapshotAsync(persistenceId);

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadAsync(ReadRecords read) => Of(read.Stream).ReadAsync(read);

    /// <inheritdoc/>
    public ValueTask<KnownId[]> ReadIdsAsync(string stream, long sinceMicros, int limit) => Of(stream).ReadIdsAsync(stream, sinceMicros, limit);

    /// <inheritdoc/>
    public ValueTask<JournalRecord[]> ReadLastValuesAsync(string stream, int limit) => Of(stream).ReadLastValuesAsync(stream, limit);

    /// <summary>As one list. It fails while a server is away: a list that leaves out what is there would be taken for all.</summary>
    /// <inheritdoc/>
    public async ValueTask<ListedStream[]> ListAsync(string after, int limit)
    {
        var parts = await Task.WhenAll(_journals.Select(journal => journal.ListAsync(after, limit).AsTask()));
        return [.. parts.SelectMany(static part => part).OrderBy(static stream => stream.Stream, OrdinalUtf8.Instance).Take(limit)];
    }

    /// <summary>Closes all of them.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(_journals.Select(static journal => journal.DisposeAsync().AsTask()));

    // Streams that were spread otherwise would be made anew on a server that has just come. One that is away may hold such streams.
    private async ValueTask<string?> DisagreementAsync()
    {
        try
        {
            for (var i = 0; i < _journals.Length; i++)
            {
                if (await _journals[i].FindRingAsync() is { } ring && ring != _ring.ToString())
                {
                    return $"on server '{_ring.Names[i]}' lie streams that were spread over the servers \"{ring}\" and this node is told of \"{_ring}\": set Redis:Servers as they were, or move the streams first (--move-redis-streams; docs/cluster-redis.md, Several servers)";
                }
            }

            return null;
        }
        catch (JournalException away)
        {
            return $"nothing lies here yet, and before something is begun all servers are asked how their streams are spread: {away.Message}";
        }
    }

    private RedisJournal Of(string stream) => _journals[_ring.OwnerOf(stream)];
}
