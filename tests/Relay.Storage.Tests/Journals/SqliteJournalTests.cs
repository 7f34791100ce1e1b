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
