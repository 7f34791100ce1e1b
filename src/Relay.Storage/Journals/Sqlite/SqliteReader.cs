using Microsoft.Data.Sqlite;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>A reading connection with its statements, each prepared once: after a restart every channel asks the same. Owned by one thread.</summary>
internal sealed class SqliteReader(string file) : IDisposable
{
    private readonly SqliteConnection _connection = SqliteConnections.OpenReader(file);
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    /// <summary>The statement of a text, ready for its parameters.</summary>
    public SqliteStatement Statement(string sql)
    {
        if (!_statements.TryGetValue(sql, out var statement))
        {
            statement = new SqliteStatement(_connection, sql);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>Ends what was not read to its end: as long as it is open, the log cannot be cut off.</summary>
    public void EndReadings()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Reset();
        }
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Dispose();
        }

        _connection.Dispose();
    }
}
