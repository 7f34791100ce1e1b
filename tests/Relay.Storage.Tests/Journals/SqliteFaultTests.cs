using System.Diagnostics.Metrics;
using System.Globalization;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Sqlite;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>Killed processes, full disks, damaged files: what the embedded journal does when things go wrong.</summary>
public sealed class SqliteFaultTests : IDisposable
{
    private readonly TempFolder _folder = new("relay-journal-");
    private readonly LogLines _log = new();

    public void Dispose()
    {
        _folder.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Nothing_done_is_lost_or_doubled_when_the_process_is_killed_again_and_again()
    {
        var done = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var kill = 0; kill < 5; kill++)
        {
            using var child = AppendingChild.Start(_folder.Path);
            var least = 400 * (kill + 1);
            await Eventually.Until(() => child.HasExited || child.Output.Split("done ").Length > least);
            Assert.False(child.HasExited, child.Output);
            child.Kill();
            await child.ExitedAsync();
            foreach (var line in child.Output.Split('\n', StringSplitOptions.TrimEntries))
            {
                if (line.Split(' ') is ["done", var stream, var last])
                    done[stream] = long.Parse(last, CultureInfo.InvariantCulture);
            }

            await using var journal = Open();
            foreach (var stream in AppendingChild.Streams)
            {
                var opened = await journal.OpenAsync(Make.Open(stream, epoch: 5)).DoneAsync();
                var records = await journal.AllAsync(stream);
                Assert.Equal(Make.Epoch, opened.State.Epoch);
                Assert.True(opened.State.Head >= done.GetValueOrDefault(stream), $"{stream}: {done.GetValueOrDefault(stream)} was done, the head is {opened.State.Head}");
                Assert.Equal(0, opened.State.Head % 3);
                Assert.Equal(Enumerable.Range(1, (int)opened.State.Head).Select(static i => (long)i), records.Offsets());
                Assert.All(records, static record => Assert.Equal(Make.Payload(record.Offset), record.Payload.ToArray()));
            }
        }

        Assert.Empty(_log.Of(83));
    }

    [Fact]
    public async Task A_log_that_lost_its_end_is_told_loudly_and_by_new_epochs()
    {
        await KillChildAsync();
        var file = _folder.File("journal.db-wal");
        using (var log = new FileStream(file, FileMode.Open))
            log.SetLength(log.Length * 2 / 3);

        await using var journal = Open();
        var opened = await journal.OpenAsync(Make.Open(AppendingChild.Streams[0], epoch: 5)).DoneAsync();

        Assert.Equal(5ul, opened.State.Epoch);
        Assert.Contains("Critical 83", Assert.Single(_log.Of(83)), StringComparison.Ordinal);
        Assert.Equal(opened.State.Head, (await journal.AllAsync(AppendingChild.Streams[0])).Length);
        await journal.AppendAsync(Make.Append(AppendingChild.Streams[0], opened.State.Head + 1, epoch: 5)).DoneAsync();
        Assert.Equal(JournalOutcome.Conflict, (await journal.AppendAsync(Make.Append(AppendingChild.Streams[1], 1))).Outcome);
    }

    [Fact]
    public async Task A_missing_log_is_told_like_a_torn_one_and_only_once()
    {
        await KillChildAsync();
        File.Delete(_folder.File("journal.db-wal"));

        await using (var journal = Open())
            Assert.Equal(5ul, (await journal.OpenAsync(Make.Open(AppendingChild.Streams[0], epoch: 5)).DoneAsync()).State.Epoch);
        Assert.Single(_log.Of(83));

        await using (var again = Open())
            Assert.Equal(5ul, (await again.OpenAsync(Make.Open(AppendingChild.Streams[0], epoch: 6)).DoneAsync()).State.Epoch);
        Assert.Single(_log.Of(83));
    }

    [Fact]
    public async Task A_restored_database_without_its_mark_goes_on_under_new_epochs()
    {
        await FillAsync(10);
        File.Delete(_folder.File("journal.mark"));

        await using var journal = Open();
        var opened = await journal.OpenAsync(Make.Open("room/1", epoch: 5)).DoneAsync();

        Assert.Equal((5ul, 10L), (opened.State.Epoch, opened.State.Head));
        Assert.Single(_log.Of(84));
    }

    [Fact]
    public async Task A_snapshot_of_events_that_are_lost_is_gone_and_an_older_one_stays()
    {
        await using (var journal = Open())
        {
            foreach (var (stream, number) in new[] { ("old", 3L), ("lost", 8L) })
            {
                await journal.OpenAsync(Make.Open(stream)).DoneAsync();
                await journal.AppendAsync(Make.Append(stream, 1, 5)).DoneAsync();
                await journal.SaveSnapshotAsync(new Snapshot(stream, Make.Epoch, number, 0, new byte[] { 1 })).DoneAsync();
            }
        }

        File.Delete(_folder.File("journal.mark"));
        await using var again = Open();
        await again.OpenAsync(Make.Open("old", epoch: 5)).DoneAsync();
        await again.OpenAsync(Make.Open("lost", epoch: 5)).DoneAsync();

        Assert.Equal(5ul, (await again.LoadSnapshotAsync("old"))?.Epoch);
        Assert.Null(await again.LoadSnapshotAsync("lost"));
    }

    [Fact]
    public async Task A_damaged_record_refuses_the_start_and_changes_nothing()
    {
        await FillAsync(100);
        SqliteFile.Damage(_folder.Path, "room/1", 60);
        var before = await File.ReadAllBytesAsync(_folder.File("journal.db"));

        var error = Refused();

        Assert.Contains("record 60 of 'room/1'", error.Message, StringComparison.Ordinal);
        Assert.Contains("Relay:Storage:DropDamagedTails=true", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_folder.File("journal.db")));
    }

    [Fact]
    public async Task A_dropped_tail_is_logged_loudly_and_goes_on_under_a_new_epoch()
    {
        await FillAsync(100);
        SqliteFile.Damage(_folder.Path, "room/1", 60);

        await using var journal = SqliteJournal.Open(new SqliteJournalOptions { Path = _folder.Path, DropDamagedTails = true }, _log, new Random(1));
        var opened = await journal.OpenAsync(Make.Open("room/1", epoch: 5)).DoneAsync();
        var other = await journal.OpenAsync(Make.Open("room/2", epoch: 5)).DoneAsync();

        Assert.Equal((5ul, 59L), (opened.State.Epoch, opened.State.Head));
        Assert.Equal((Make.Epoch, 100L), (other.State.Epoch, other.State.Head));
        Assert.Equal(59, (await journal.AllAsync("room/1")).Length);
        Assert.Contains("Critical 85", Assert.Single(_log.Of(85)), StringComparison.Ordinal);
        await journal.AppendAsync(Make.Append("room/1", 60, 2, epoch: 5)).DoneAsync();
    }

    [Theory]
    [InlineData("DELETE FROM records WHERE stream = 1 AND offset = 50", "records 50 to 50 are missing")]
    [InlineData("DELETE FROM records WHERE stream = 1 AND offset > 98", "records 99 to 100 are missing")]
    [InlineData("UPDATE records SET offset = 300 WHERE stream = 1 AND offset = 100", "stands behind the head")]
    [InlineData("UPDATE records SET body = (SELECT body FROM records WHERE stream = 2 AND offset = 7) WHERE stream = 1 AND offset = 7", "checksum")]
    [InlineData("UPDATE records SET body = (SELECT body FROM records WHERE stream = 1 AND offset = 8) WHERE stream = 1 AND offset = 7", "offset 8")]
    public async Task Holes_and_records_in_the_wrong_place_are_found_at_the_start(string sql, string fault)
    {
        await FillAsync(100);
        SqliteFile.Run(_folder.Path, sql);

        Assert.Contains(fault, Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_folder_it_makes_is_for_its_user_alone()
    {
        var path = System.IO.Path.Combine(_folder.Path, "made", "here");
        await using (SqliteJournal.Open(new SqliteJournalOptions { Path = path }, _log, new Random(1)))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(path).UnixFileMode);
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_refused()
    {
        await FillAsync(3000);
        using (var file = new FileStream(_folder.File("journal.db"), FileMode.Open))
            file.SetLength(file.Length - 5000);

        Assert.Contains("is cut off", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_zeroed_page_is_refused()
    {
        await FillAsync(3000);
        using (var file = new FileStream(_folder.File("journal.db"), FileMode.Open))
        {
            file.Position = file.Length / 2 / 4096 * 4096;
            file.Write(new byte[4096]);
        }

        Assert.Contains("Way out", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_version_another_application_and_no_database_are_refused_and_left_alone()
    {
        await FillAsync(1);
        SqliteFile.Run(_folder.Path, "PRAGMA user_version = 2");
        Assert.Contains("has version 2, this program knows version 1", Refused().Message, StringComparison.Ordinal);
        SqliteFile.Run(_folder.Path, "PRAGMA application_id = 5");
        Assert.Contains("belongs to another application", Refused().Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(_folder.File("journal.db"), "my diary");
        Assert.Contains("is not a SQLite database", Refused().Message, StringComparison.Ordinal);
        Assert.Equal("my diary", await File.ReadAllTextAsync(_folder.File("journal.db")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_start_that_died_while_it_made_the_journal_is_finished_by_the_next(bool withTables)
    {
        // The files of a connection that never closed are those of a process that died.
        using var dying = new TempFolder("relay-journal-");
        using (var writer = SqliteConnections.OpenWriter(new SqliteJournalOptions { Path = dying.Path }))
        {
            if (withTables)
                SqliteConnections.CreateTables(writer, identity: 5);
            foreach (var file in new[] { "journal.db", "journal.db-wal" }.Where(file => File.Exists(dying.File(file))))
                File.Copy(dying.File(file), _folder.File(file));
        }

        await FillAsync(3);
        await using var journal = Open();
        Assert.Equal(3, (await journal.AllAsync("room/1")).Length);
    }

    [Theory]
    [InlineData("/proc/relay")]
    [InlineData("file/data")]
    public async Task A_path_that_cannot_be_written_is_refused_with_the_setting(string path)
    {
        await File.WriteAllTextAsync(_folder.File("file"), "");
        var error = Refused(Path.Combine(_folder.Path, path));

        Assert.Contains("Relay:Storage:Path", error.Message, StringComparison.Ordinal);
        Assert.Contains("writable", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_nodes_never_share_a_folder()
    {
        await using var first = Open();
        Assert.Contains("another node uses it", Refused().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_writer_is_in_write_ahead_mode_and_synchronises_fully()
    {
        await FillAsync(1);
        using var writer = SqliteConnections.OpenWriter(new SqliteJournalOptions { Path = _folder.Path });

        Assert.Equal("wal", SqliteConnections.Ask(writer, "PRAGMA journal_mode"));
        Assert.Equal(2L, SqliteConnections.Ask(writer, "PRAGMA synchronous"));
    }

    [Fact]
    public async Task A_full_disk_refuses_with_a_retryable_answer_and_goes_on_when_there_is_space()
    {
        // The page limit of a connection fails with the code of a full disk (SQLITE_FULL), at the same place in the same way.
        var pages = 200;
        var options = new SqliteJournalOptions { Path = _folder.Path, OnWriterOpened = writer => SqliteConnections.Run(writer, $"PRAGMA max_page_count = {Volatile.Read(ref pages)}") };
        await using var journal = SqliteJournal.Open(options, _log, new Random(1));
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        var stored = 0L;
        JournalResult refused;
        while ((refused = await journal.AppendAsync(Large(stored + 1))).IsDone)
            stored++;

        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.True(refused.IsRetryable);
        Assert.Contains("full", refused.Reason, StringComparison.Ordinal);
        Assert.NotNull(journal.Illness);
        Assert.Contains("Error 80", Assert.Single(_log.Of(80)), StringComparison.Ordinal);
        Assert.Equal(stored, (await journal.AllAsync("room/1")).Length);

        Volatile.Write(ref pages, 100_000);
        await Eventually.Until(() => journal.Illness is null);
        await journal.AppendAsync(Large(stored + 1)).DoneAsync();
        Assert.Equal(stored + 1, (await journal.AllAsync("room/1")).Length);
    }

    [Fact]
    public async Task A_commit_that_fails_is_refused_and_repeated_on_a_rewritten_log()
    {
        // A hook that forbids a commit stands for an I/O error in it: the same way out of the same call.
        var failures = 0;
        var options = new SqliteJournalOptions
        {
            Path = _folder.Path, OnWriterOpened = writer => SQLitePCL.raw.sqlite3_commit_hook(writer.Handle, _ => Interlocked.Decrement(ref failures) >= 0 ? 1 : 0, null),
        };
        await using var journal = SqliteJournal.Open(options, _log, new Random(1));
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        await journal.AppendAsync(Make.Append("room/1", 1, 3)).DoneAsync();
        Volatile.Write(ref failures, 1);

        var refused = await journal.AppendAsync(Make.Append("room/1", 4, 2));
        await Eventually.Until(() => journal.Illness is null);
        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.Equal([1, 2, 3], (await journal.AllAsync("room/1")).Offsets());

        await journal.AppendAsync(Make.Append("room/1", 4, 2)).DoneAsync();
        Assert.Equal([1, 2, 3, 4, 5], (await journal.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task What_is_stored_and_what_is_refused_is_counted()
    {
        using var meter = new Meter(JournalMetrics.MeterName);
        using var counts = new CounterSums(meter);
        var failures = 0;
        await using (var journal = SqliteJournal.Open(
            new SqliteJournalOptions
            {
                Path = _folder.Path, Metrics = new JournalMetrics(meter),
                OnWriterOpened = writer => SQLitePCL.raw.sqlite3_commit_hook(writer.Handle, _ => Interlocked.Decrement(ref failures) >= 0 ? 1 : 0, null),
            },
            _log,
            new Random(1)))
        {
            await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
            await journal.AppendAsync(Make.Append("room/1", 1, 3)).DoneAsync();
            await journal.AppendAsync(Make.Append("room/1", 9));
            Volatile.Write(ref failures, 1);
            await journal.AppendAsync(Make.Append("room/1", 4));
            await Eventually.Until(() => journal.Illness is null);
            await journal.AppendAsync(Make.Append("room/1", 4, 2)).DoneAsync();
        }

        Assert.Equal(2, counts["relay.journal.appends store=sqlite"]);
        Assert.Equal(5, counts["relay.journal.records store=sqlite"]);
        Assert.Equal(1, counts["relay.journal.refusals store=sqlite outcome=Conflict"]);
        Assert.Equal(1, counts["relay.journal.refusals store=sqlite outcome=Unavailable"]);
    }

    private static AppendBatch Large(long offset) => Make.Append("room/1", offset, record: static offset => Make.Record(offset) with { Payload = new byte[20_000] });

    private SqliteJournal Open() => SqliteJournal.Open(new SqliteJournalOptions { Path = _folder.Path }, _log, new Random(1));

    private JournalException Refused(string? path = null) =>
        Assert.Throws<JournalException>(() => SqliteJournal.Open(new SqliteJournalOptions { Path = path ?? _folder.Path }, _log, new Random(1)));

    private async Task FillAsync(int records)
    {
        await using var journal = Open();
        foreach (var stream in new[] { "room/1", "room/2" })
        {
            await journal.OpenAsync(Make.Open(stream)).DoneAsync();
            await journal.AppendAsync(Make.Append(stream, 1, records)).DoneAsync();
        }
    }

    private async Task KillChildAsync()
    {
        using var child = AppendingChild.Start(_folder.Path);
        await Eventually.Until(() => child.HasExited || child.Output.Split("done ").Length > 400);
        Assert.False(child.HasExited, child.Output);
        child.Kill();
        await child.ExitedAsync();
    }
}
