using Relay.Storage.Journals.Sqlite;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>The reading side of the embedded journal when all channels of a node begin at once.</summary>
public sealed class SqliteReadersTests : IAsyncLifetime
{
    private const int Reads = 20_000;

    private readonly TempFolder _folder = new("relay-journal-");
    private SqliteJournalOptions _options = null!;
    private SqliteJournal _journal = null!;

    public Task InitializeAsync()
    {
        _options = new SqliteJournalOptions { Path = _folder.Path };
        _journal = SqliteJournal.Open(_options, new LogLines(), new Random(1));
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _journal.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task However_many_reads_wait_each_is_answered()
    {
        using var readers = new SqliteReaders(_options);
        using var gate = new ManualResetEventSlim();
        var answers = Enumerable.Range(0, Reads).Select(n => readers.ReadAsync(_ =>
        {
            gate.Wait();
            return n;
        }).AsTask()).ToList();
        gate.Set();
        Assert.Equal(Enumerable.Range(0, Reads), await Task.WhenAll(answers));
    }
}
