using Microsoft.Data.Sqlite;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Journals.Sqlite;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

public sealed class SqliteJournalTests : DurableJournalContract
{
    private readonly TempFolder _folder = new("relay-journal-");

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    private protected override Task<IJournal> OpenJournalAsync(JournalLimits limits) =>
        Task.FromResult<IJournal>(SqliteJournal.Open(new SqliteJournalOptions { Path = _folder.Path, Limits = limits }, new LogLines(), new Random(1)));

    protected override Task DamageAsync(string stream, long offset)
    {
        SqliteFile.Damage(_folder.Path, stream, offset);
        return Task.CompletedTask;
    }

    protected override Task<IAsyncDisposable> HoldAsync() => Task.FromResult<IAsyncDisposable>(new WriteLock(_folder.Path));

    [Fact]
    public async Task Taking_streams_over_again_writes_once_after_a_start_and_then_no_more()
    {
        await Journal.OpenAsync(Make.Open("room/1"));
        await Journal.OpenAsync(Make.Open("room/2"));
        await ReopenAsync();
        var commits = Commits();

        // The first one, so that what a killed process has left is on the disk before it is shown.
        await Journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        Assert.Equal(commits + 1, Commits());
        await Journal.OpenAsync(Make.Open("room/2")).DoneAsync();
        await Journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        Assert.Equal(commits + 1, Commits());
        await Journal.OpenAsync(Make.Open("room/1", fence: 1)).DoneAsync();
        await Journal.AppendAsync(Make.Append("room/1", 1, 1, fence: 1)).DoneAsync();
        Assert.Equal(commits + 3, Commits());
        await ReopenAsync();
        Assert.Equal([1], (await Journal.ReadAsync(new ReadRecords { Stream = "room/1" })).Offsets());
    }

    private long Commits() => SqliteFile.Number(_folder.Path, "SELECT value FROM journal WHERE name = 'commits'");

    private sealed class WriteLock : IAsyncDisposable
    {
        private readonly SqliteConnection _connection;

        public WriteLock(string path)
        {
            _connection = SqliteFile.Connect(path);
            SqliteFile.Run(_connection, "BEGIN IMMEDIATE");
        }

        public ValueTask DisposeAsync()
        {
            SqliteFile.Run(_connection, "ROLLBACK");
            return _connection.DisposeAsync();
        }
    }
}
