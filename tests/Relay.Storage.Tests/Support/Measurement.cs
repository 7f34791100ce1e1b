using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Postgres;
using Relay.Storage.Journals.Sqlite;
using Relay.Testing;

namespace Relay.Storage.Tests.Support;

/// <summary>
/// Durable appends a second with a number of publishers in flight, each on a channel of its own, beside a plain loop of inserts in transactions of the same size on
/// the same store, in turn. Not a test: <c>dotnet Relay.Storage.Tests.dll measure sqlite|postgres [seconds] [rounds] [in flight]</c>.
/// </summary>
internal static class Measurement
{
    private static readonly byte[] Payload = new byte[128];

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 3;
        var rounds = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 3;
        var inFlight = args.Length > 3 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 64;
        if (args is ["sqlite", ..])
            await SqliteAsync(TimeSpan.FromSeconds(seconds), rounds, inFlight);
        else
            await PostgresAsync(TimeSpan.FromSeconds(seconds), rounds, inFlight);
        return 0;
    }

    private static async Task SqliteAsync(TimeSpan time, int rounds, int inFlight)
    {
        using var plain = new TempFolder("relay-plain-");
        using var folder = new TempFolder("relay-journal-");
        using var loggers = new LogLines();
        await using var journal = SqliteJournal.Open(new SqliteJournalOptions { Path = folder.Path }, loggers, new Random(1));
        await CompareAsync("sqlite", journal, rounds, time, inFlight, round => Task.FromResult(PlainSqlite(plain.File($"plain{round}.db"), time, inFlight)));
        Console.WriteLine($"transactions {SqliteFile.Number(folder.Path, "SELECT value FROM journal WHERE name = 'commits'")}, records {SqliteFile.Number(folder.Path, "SELECT count(*) FROM records")}");
    }

    private static async Task PostgresAsync(TimeSpan time, int rounds, int inFlight)
    {
        await using var server = await PostgresServerProcess.StartAsync();
        using var loggers = new LogLines();
        await using var journal = new PostgresJournal(new PostgresJournalOptions { Connection = server.ConnectionString }, loggers);
        await Eventually.Until(() => journal.Illness is null);
        await CompareAsync("postgres", journal, rounds, time, inFlight, round => PlainPostgresAsync(server.ConnectionString, round, time, inFlight));
    }

    // Medians: other work on the machine makes single rounds differ by a factor of three.
    private static async Task CompareAsync(string store, IJournal journal, int rounds, TimeSpan time, int inFlight, Func<int, Task<double>> plain)
    {
        List<double> loops = [], rates = [], ratios = [], p50s = [], p99s = [];
        for (var round = 0; round < rounds; round++)
        {
            loops.Add(await plain(round));
            var (rate, p50, p99) = await JournalAsync(journal, round, time, inFlight);
            rates.Add(rate);
            ratios.Add(rate / loops[^1]);
            p50s.Add(p50);
            p99s.Add(p99);
        }

        Console.WriteLine(
            $"{store}, {inFlight} in flight, {rounds} rounds: plain loop {Median(loops):0}/s (best {loops.Max():0}), journal {Median(rates):0}/s (best {rates.Max():0}), " +
            $"ratio {Median(ratios):0.00}, ack p50 {Median(p50s):0.0} ms, p99 {Median(p99s):0.0} ms");
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static async Task<(double Rate, double P50, double P99)> JournalAsync(IJournal journal, int round, TimeSpan time, int inFlight)
    {
        var clock = TimeProvider.System;
        var began = clock.GetTimestamp();
        var latencies = new List<double>[inFlight];
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(async publisher =>
        {
            var mine = latencies[publisher] = [];
            var stream = $"measure/{round}/{publisher}";
            await journal.OpenAsync(Make.Open(stream)).DoneAsync();
            for (var offset = 1L; clock.GetElapsedTime(began) < time; offset++)
            {
                var sent = clock.GetTimestamp();
                var record = new JournalRecord { Offset = offset, TimeMicros = offset, Payload = Payload };
                await journal.AppendAsync(new AppendBatch { Stream = stream, Epoch = Make.Epoch, Records = [record] }).DoneAsync();
                mine.Add(clock.GetElapsedTime(sent).TotalMilliseconds);
            }
        }));
        var elapsed = clock.GetElapsedTime(began).TotalSeconds;
        var all = latencies.SelectMany(static one => one).Order().ToArray();
        return (all.Length / elapsed, all[all.Length / 2], all[all.Length * 99 / 100]);
    }

    private static double PlainSqlite(string file, TimeSpan time, int perTransaction)
    {
        SQLitePCL.Batteries_V2.Init();
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        foreach (var sql in new[] { "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE plain (stream INTEGER, offset INTEGER, body BLOB, PRIMARY KEY (stream, offset)) WITHOUT ROWID" })
            SqliteFile.Run(connection, sql);
        using var begin = new SqliteStatement(connection, "BEGIN IMMEDIATE");
        using var insert = new SqliteStatement(connection, "INSERT INTO plain VALUES (?1, ?2, ?3)");
        using var commit = new SqliteStatement(connection, "COMMIT");
        var clock = TimeProvider.System;
        var began = clock.GetTimestamp();
        long count = 0;
        while (clock.GetElapsedTime(began) < time)
        {
            begin.Run();
            for (var i = 0; i < perTransaction; i++)
                insert.With(i).With(count++).With(Payload).Run();
            commit.Run();
        }

        return count / clock.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<double> PlainPostgresAsync(string connectionString, int round, TimeSpan time, int perTransaction)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using (var create = new NpgsqlCommand($"CREATE TABLE plain{round} (stream bigint, position bigint, body bytea, PRIMARY KEY (stream, position))", connection))
            await create.ExecuteNonQueryAsync();
        var clock = TimeProvider.System;
        var began = clock.GetTimestamp();
        long count = 0;
        await using var insert = new NpgsqlBatch(connection);
        for (var i = 0; i < perTransaction; i++)
        {
            var one = new NpgsqlBatchCommand($"INSERT INTO plain{round} VALUES ($1, $2, $3)");
            one.Parameters.Add(new NpgsqlParameter<long> { TypedValue = i });
            one.Parameters.Add(new NpgsqlParameter<long>());
            one.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = Payload });
            insert.BatchCommands.Add(one);
        }

        await insert.PrepareAsync();
        while (clock.GetElapsedTime(began) < time)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            foreach (var one in insert.BatchCommands)
                ((NpgsqlParameter<long>)one.Parameters[1]).TypedValue = count++;
            insert.Transaction = transaction;
            await insert.ExecuteNonQueryAsync();
            await transaction.CommitAsync();
        }

        return count / clock.GetElapsedTime(began).TotalSeconds;
    }
}
