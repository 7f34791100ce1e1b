using Microsoft.Data.Sqlite;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// Retention. A record leaves the readable window at once, by moving the stream's first offset; its row goes with the next pieces, unless its id is still in
/// the window of known ids or it is the last of its key. Owned by the writer's thread, inside its transaction.
/// </summary>
internal sealed class SqlitePruning(SqliteConnection connection) : IDisposable
{
    private readonly SqliteStatement _young = new(connection, "SELECT offset FROM records WHERE stream = ?1 AND offset >= ?2 AND time >= ?3 ORDER BY offset LIMIT 1");

    private readonly SqliteStatement _id = new(
        connection, "SELECT offset FROM records WHERE stream = ?1 AND has_id = 1 AND time >= ?2 ORDER BY offset DESC LIMIT 1 OFFSET ?3");

    private readonly SqliteStatement _key = new(
        connection,
        """
        SELECT MIN(newest) FROM (SELECT MAX(offset) AS newest FROM records WHERE stream = ?1 AND key IS NOT NULL GROUP BY key ORDER BY newest DESC LIMIT ?2)
        """);

    private readonly SqliteStatement _drop = new(
        connection,
        """
        DELETE FROM records WHERE stream = ?1 AND offset IN (
            SELECT offset FROM records AS old WHERE stream = ?1 AND offset < ?2
            AND NOT (has_id = 1 AND offset >= ?3 AND time >= ?4)
            AND NOT (key IS NOT NULL AND offset >= ?5
                AND NOT EXISTS (SELECT 1 FROM records AS newer WHERE newer.stream = ?1 AND newer.key = old.key AND newer.offset > old.offset))
            ORDER BY offset LIMIT ?6)
        """);

    /// <summary>The first offset that stays readable.</summary>
    public long First(StreamLedger stream, PruneStream prune)
    {
        var byCount = prune.KeepRecords > stream.Head ? 1 : stream.Head - prune.KeepRecords + 1;
        var first = Math.Max(stream.First, byCount);
        return first > stream.Head ? first : _young.With(stream.Id).With(first).With(prune.KeepSinceMicros).Number(stream.Head + 1);
    }

    /// <summary>Removes at most <paramref name="piece"/> rows that nobody needs.</summary>
    /// <returns>How many.</returns>
    public int Drop(StreamLedger stream, PruneStream prune, int piece)
    {
        // The lowest of the ids to keep. When there are fewer, all that are young enough.
        var id = prune.KeepIds == 0 ? long.MaxValue : _id.With(stream.Id).With(prune.KeepIdsSinceMicros).With(prune.KeepIds - 1).Number(0);
        var key = prune.KeepKeys == 0 ? long.MaxValue : _key.With(stream.Id).With(prune.KeepKeys).Number(long.MaxValue);
        return _drop.With(stream.Id).With(stream.First).With(id).With(prune.KeepIdsSinceMicros).With(key).With(piece).Run();
    }

    public void Dispose()
    {
        _young.Dispose();
        _id.Dispose();
        _key.Dispose();
        _drop.Dispose();
    }
}
