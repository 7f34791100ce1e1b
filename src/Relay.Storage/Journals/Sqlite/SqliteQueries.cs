using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>The questions of readers. Each is one statement or two inside one read transaction, so a stream is seen as of one commit.</summary>
internal static class SqliteQueries
{
    // The window: not below the stream's first offset, not below the first record that is young enough.
    private const string Window =
        """
        FROM records AS r JOIN streams AS s ON s.id = r.stream
        WHERE s.name = ?1 AND r.offset > ?2 AND r.offset >= s.first
        AND r.offset >= COALESCE((SELECT y.offset FROM records AS y WHERE y.stream = s.id AND y.offset >= s.first AND y.time >= ?3 ORDER BY y.offset LIMIT 1), s.head + 1)
        """;

    private const string Newest = $"SELECT r.offset, r.body {Window} ORDER BY r.offset DESC LIMIT ?4";
    private const string Oldest = $"SELECT r.offset, r.body {Window} ORDER BY r.offset ASC LIMIT ?4";

    public static JournalRecord[] Records(SqliteJournalOptions options, SqliteReader reader, ReadRecords read)
    {
        var rows = reader.Statement(read.Newest ? Newest : Oldest);
        rows.With(read.Stream).With(read.AfterOffset).With(read.SinceMicros).With(read.Limit);
        var records = SqliteReaders.Records(options, rows, read.Stream);
        if (read.Newest)
        {
            Array.Reverse(records);
        }

        return records;
    }

    public static KnownId[] Ids(SqliteJournalOptions options, SqliteReader reader, string stream, long sinceMicros, int limit)
    {
        var rows = reader.Statement(
            """
            SELECT r.offset, r.body FROM records AS r JOIN streams AS s ON s.id = r.stream
            WHERE s.name = ?1 AND r.has_id = 1 AND r.time >= ?2 ORDER BY r.offset DESC LIMIT ?3
            """);
        rows.With(stream).With(sinceMicros).With(limit);
        return JournalShapes.Ids(SqliteReaders.Records(options, rows, stream));
    }

    public static JournalRecord[] LastValues(SqliteJournalOptions options, SqliteReader reader, string stream, int limit)
    {
        var rows = reader.Statement(
            """
            SELECT r.offset, r.body FROM records AS r WHERE r.stream = (SELECT id FROM streams WHERE name = ?1) AND r.offset IN (
                SELECT MAX(k.offset) FROM records AS k WHERE k.stream = (SELECT id FROM streams WHERE name = ?1) AND k.key IS NOT NULL
                GROUP BY k.key ORDER BY 1 DESC LIMIT ?2)
            ORDER BY r.offset
            """);
        rows.With(stream).With(limit);
        return SqliteReaders.Records(options, rows, stream);
    }

    public static ListedStream[] List(SqliteReader reader, string after, int limit)
    {
        var rows = reader.Statement(
            """
            SELECT name, epoch, head, first, fence, last_micros FROM streams
            WHERE name > ?1 AND generation >= (SELECT value FROM journal WHERE journal.name = 'generation') ORDER BY name LIMIT ?2
            """);
        var entries = new List<ListedStream>();
        rows.With(after).With(limit);
        while (rows.Read())
        {
            entries.Add(new ListedStream(rows.Text(0), new StreamState((ulong)rows.Long(1), rows.Long(2), rows.Long(3), rows.Long(4), rows.Long(5))));
        }

        return [.. entries];
    }

    public static Snapshot? Snapshot(SqliteJournalOptions options, SqliteReader reader, string persistenceId)
    {
        var rows = reader.Statement("SELECT epoch, sequence_nr, body FROM snapshots WHERE persistence_id = ?1");
        return rows.With(persistenceId).Read() ? SnapshotFormat.Read(persistenceId, (ulong)rows.Long(0), rows.Long(1), rows.Blob(2), options.Place) : null;
    }
}
