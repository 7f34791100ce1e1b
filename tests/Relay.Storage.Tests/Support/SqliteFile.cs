using Microsoft.Data.Sqlite;

namespace Relay.Storage.Tests.Support;

/// <summary>Hands on the journal's database, behind the journal's back.</summary>
internal static class SqliteFile
{
    public static SqliteConnection Connect(string folder)
    {
        SQLitePCL.Batteries_V2.Init();
        var connection = new SqliteConnection($"Data Source={Path.Combine(folder, "journal.db")};Pooling=False");
        connection.Open();
        return connection;
    }

    public static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static void Run(string folder, string sql)
    {
        using var connection = Connect(folder);
        Run(connection, sql);
    }

    public static long Number(string folder, string sql)
    {
        using var connection = Connect(folder);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>Changes the last but four byte of a record: the end of its payload.</summary>
    public static void Damage(string folder, string stream, long offset)
    {
        using var connection = Connect(folder);
        using var read = connection.CreateCommand();
        read.CommandText = "SELECT r.body FROM records r JOIN streams s ON s.id = r.stream WHERE s.name = $name AND r.offset = $offset";
        read.Parameters.AddWithValue("$name", stream);
        read.Parameters.AddWithValue("$offset", offset);
        var body = (byte[])read.ExecuteScalar()!;
        body[^5] ^= 1;
        using var write = connection.CreateCommand();
        write.CommandText = "UPDATE records SET body = $body WHERE stream = (SELECT id FROM streams WHERE name = $name) AND offset = $offset";
        write.Parameters.AddWithValue("$name", stream);
        write.Parameters.AddWithValue("$offset", offset);
        write.Parameters.AddWithValue("$body", body);
        write.ExecuteNonQuery();
    }
}
