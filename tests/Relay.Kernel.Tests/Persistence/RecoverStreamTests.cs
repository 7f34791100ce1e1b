using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests.Persistence;

/// <summary>Taking a stream over and reading what its owner needs, no more: ten records at n seconds, of which even ones have an id and 3, 6 and 9 a key.</summary>
public sealed class RecoverStreamTests
{
    private const long Second = 1_000_000;
    private readonly ScriptedJournal _script = new();
    private readonly WatchedJournal _journal;

    public RecoverStreamTests() => _journal = new WatchedJournal(_script, _script);

    [Fact]
    public async Task A_stream_that_was_just_made_or_is_refused_is_not_read()
    {
        var made = await _journal.RecoverAsync(Wanted());
        Assert.True(made.Opened.IsDone);
        await FillAsync();
        _journal.OpenAnswer = static () => new JournalResult(JournalOutcome.Fenced, new StreamState(7, 10, 1, 9, 0), "it has another owner");
        var refused = await _journal.RecoverAsync(Wanted());
        Assert.Equal(JournalOutcome.Fenced, refused.Opened.Outcome);
        Assert.All(new[] { made, refused }, static one => Assert.Equal((0, 0, 0), (one.Records.Length, one.Ids.Length, one.LastValues.Length)));
        Assert.Empty(_journal.Calls);
    }

    [Theory]
    [InlineData(10, 0, 5, 0, 3, "1-10", "2,4,6,8,10", "3,6,9", "records values")]
    [InlineData(10, 0, 9, 0, 0, "1-10", "2,4,6,8,10", "", "records")]
    [InlineData(10, 0, 2, 0, 2, "1-10", "8,10", "6,9", "records values")]
    [InlineData(4, 0, 2, 0, 0, "7-10", "8,10", "", "records")]
    [InlineData(4, 0, 3, 0, 0, "7-10", "6,8,10", "", "records ids")]
    [InlineData(10, 7, 3, 0, 0, "7-10", "6,8,10", "", "records ids")]
    [InlineData(10, 0, 5, 4, 0, "1-10", "4,6,8,10", "", "records")]
    [InlineData(0, 0, 2, 0, 1, "", "8,10", "9", "ids values")]
    [InlineData(0, 0, 0, 0, 1, "", "", "9", "values")]
    [InlineData(0, 0, 0, 0, 0, "", "", "", "")]
    [InlineData(10, 11, 2, 10, 0, "", "10", "", "records ids")]
    public async Task Only_what_is_wanted_is_read(int records, int since, int ids, int idsSince, int keys, string window, string known, string values, string calls)
    {
        await FillAsync();
        var recovery = await _journal.RecoverAsync(Wanted() with
        {
            Records = records, RecordsSinceMicros = since * Second, Ids = ids, IdsSinceMicros = idsSince * Second, Keys = keys,
        });
        Assert.Equal(window, recovery.Records.Length == 0 ? "" : $"{recovery.Records[0].Offset}-{recovery.Records[^1].Offset}");
        Assert.Equal(known, string.Join(',', recovery.Ids.Select(static id => id.Offset)));
        Assert.Equal(values, string.Join(',', recovery.LastValues.Select(static record => record.Offset)));
        Assert.Equal(calls, string.Join(' ', _journal.Calls));
        Assert.All(recovery.Ids, static id => Assert.Equal(new KnownId(id.Offset == 10 ? "" : "s", "i" + id.Offset, id.Offset, id.Offset * Second), id));
        Assert.All(_journal.Reads, static read => Assert.True(read.Newest));
    }

    [Fact]
    public async Task Nothing_is_not_a_stream()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(() => ((IJournal)null!).RecoverAsync(Wanted()));
        await Assert.ThrowsAsync<ArgumentNullException>(() => _journal.RecoverAsync(null!));
    }

    private static RecoverStream Wanted() => new() { Open = new OpenStream { Stream = "s", EpochIfNew = 7 }, Records = 10, Ids = 10, Keys = 10 };

    private async Task FillAsync()
    {
        await _script.OpenAsync(Wanted().Open);
        await _script.AppendAsync(new AppendBatch { Stream = "s", Epoch = 7, Records = [.. Enumerable.Range(1, 10).Select(static n => Record(n))] });
    }

    private static JournalRecord Record(int n) => new()
    {
        Offset = n,
        TimeMicros = n * Second,
        Id = n % 2 == 0 ? "i" + n : null,
        Scope = n % 2 == 0 && n < 10 ? "s" : null,
        Key = n % 3 == 0 ? "k" + n : null,
    };
}
