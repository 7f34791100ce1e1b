using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// A prepared statement on SQLite's own interface. Microsoft.Data.Sqlite opens the connections; its commands cost an array per payload and a
/// boxed number per parameter, 20,000 times a second. Owned by the thread of its connection.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _db;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    public SqliteStatement(SqliteConnection connection, string sql)
    {
        _db = connection.Handle!;
        Check(raw.sqlite3_prepare_v2(_db, sql, out _statement));
    }

    public SqliteStatement With(long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, _next++, value));
        return this;
    }

    public SqliteStatement With(string? value)
    {
        Check(value is null ? raw.sqlite3_bind_null(_statement, _next++) : raw.sqlite3_bind_text(_statement, _next++, value));
        return this;
    }

    public SqliteStatement With(ReadOnlySpan<byte> value)
    {
        Check(raw.sqlite3_bind_blob(_statement, _next++, value));
        return this;
    }

    /// <summary>Runs a statement without rows and makes it ready for the next time.</summary>
    /// <returns>Rows changed.</returns>
    public int Run()
    {
        try
        {
            Check(raw.sqlite3_step(_statement));
            return raw.sqlite3_changes(_db);
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>The next row; false, and ready for the next time, when there is none.</summary>
    public bool Read()
    {
        var code = raw.sqlite3_step(_statement);
        if (code == raw.SQLITE_ROW)
        {
            return true;
        }

        Reset();
        Check(code);
        return false;
    }

    /// <summary>The first column of the first row, or <paramref name="otherwise"/> without one or when it is null.</summary>
    public long Number(long otherwise)
    {
        try
        {
            return raw.sqlite3_step(_statement) switch
            {
                raw.SQLITE_ROW when raw.sqlite3_column_type(_statement, 0) != raw.SQLITE_NULL => Long(0),
                raw.SQLITE_ROW or raw.SQLITE_DONE => otherwise,
                var code => throw Error(code),
            };
        }
        finally
        {
            Reset();
        }
    }

    public long Long(int column) => raw.sqlite3_column_int64(_statement, column);

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string() ?? "";

    /// <summary>A copy.</summary>
    public byte[] Blob(int column) => raw.sqlite3_column_blob(_statement, column).ToArray();

    /// <summary>Valid until the next row.</summary>
    public ReadOnlySpan<byte> BlobSpan(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <summary>Ends a reading before its last row.</summary>
    public void Reset()
    {
        // The code repeats that of the failed step.
        _ = raw.sqlite3_reset(_statement);
        _next = 1;
    }

    public void Dispose() => _statement.Dispose();

    private void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_DONE or raw.SQLITE_ROW))
        {
            throw Error(code);
        }
    }

    private SqliteException Error(int code) =>
        new($"SQLite error {code}: {raw.sqlite3_errmsg(_db).utf8_to_string()}", code & 0xFF, raw.sqlite3_extended_errcode(_db));
}
