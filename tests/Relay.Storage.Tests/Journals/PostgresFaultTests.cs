using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Postgres;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>A server that is away, restarted or killed; tables of another version; two nodes at once.</summary>
public sealed class PostgresFaultTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>
{
    private readonly LogLines _log = new();

    [Fact]
    public async Task Nothing_done_is_lost_or_doubled_when_the_server_is_restarted_in_the_middle()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await using var journal = await ReadyAsync(server.ConnectionString);
        using var stop = new CancellationTokenSource();
        foreach (var n in Enumerable.Range(0, 8))
            await journal.OpenAsync(Make.Open("room/" + n)).DoneAsync();
        var heads = Enumerable.Range(0, 8).Select(n => AppendAsync(journal, "room/" + n, stop.Token)).ToArray();
        await server.KillAsync();
        await Eventually.Until(() => journal.Illness is not null);
        await server.StartAgainAsync();
        await Eventually.Until(() => journal.Illness is null);
        await server.RestartAsync();
        await Eventually.UntilAsync(async () => (await journal.OpenAsync(Make.Open("after"))).IsDone, "the journal works again");
        await stop.CancelAsync();

        foreach (var (head, n) in (await Task.WhenAll(heads)).Select(static (head, n) => (head, n)))
        {
            Assert.True(head > 0);
            Assert.Equal(Enumerable.Range(1, (int)head).Select(static i => (long)i), (await journal.AllAsync("room/" + n)).Offsets());
        }

        Assert.NotEmpty(_log.Of(90));
    }

    [Fact]
    public async Task A_server_that_is_not_there_yet_is_no_error()
    {
        await using var server = await PostgresServerProcess.StartAsync();
        await server.StopAsync();
        await using var journal = new PostgresJournal(new PostgresJournalOptions { Connection = server.ConnectionString }, _log);

        var refused = await journal.OpenAsync(Make.Open("room/1"));
        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.Contains("Relay:Postgres:Connection", journal.Illness, StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<JournalException>(async () => await journal.AllAsync("room/1"));
        Assert.True(error.IsRetryable);

        await server.StartAgainAsync();
        await Eventually.Until(() => journal.Illness is null);
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
    }

    [Fact]
    public async Task Tables_of_a_newer_version_are_refused_and_left_alone()
    {
        var database = await fixture.NewDatabaseAsync();
        await using (await ReadyAsync(database))
            await Sql.RunAsync(database, "UPDATE relay_journal SET version = 2");

        await using var journal = new PostgresJournal(new PostgresJournalOptions { Connection = database }, _log);
        var refused = await journal.OpenAsync(Make.Open("room/1"));

        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.Contains("have version 2, this program knows version 1", journal.Illness, StringComparison.Ordinal);
        Assert.Contains("Way out", journal.Illness, StringComparison.Ordinal);
        Assert.Equal(2, await Sql.RunAsync(database, "SELECT version FROM relay_journal"));
    }

    [Fact]
    public async Task Many_nodes_make_the_tables_at_once()
    {
        var database = await fixture.NewDatabaseAsync();
        var journals = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ReadyAsync(database)));

        await Task.WhenAll(journals.Select((journal, n) => journal.OpenAsync(Make.Open("room/" + n)).DoneAsync()));
        Assert.Equal(5, (await journals[0].ListAsync("", 100)).Length);
        await Task.WhenAll(journals.Select(static journal => journal.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task An_owner_that_was_replaced_on_another_node_is_refused_whatever_it_remembers()
    {
        var database = await fixture.NewDatabaseAsync();
        await using var old = await ReadyAsync(database);
        await using var next = await ReadyAsync(database);
        await old.OpenAsync(Make.Open("room/1", fence: 1)).DoneAsync();
        await old.OpenAsync(Make.Open("room/2", fence: 1)).DoneAsync();
        await old.AppendAsync(Make.Append("room/1", 1, fence: 1)).DoneAsync();

        var taken = await next.OpenAsync(Make.Open("room/1", fence: 2)).DoneAsync();
        var both = await Task.WhenAll(old.AppendAsync(Make.Append("room/1", 2, fence: 1)).AsTask(), old.AppendAsync(Make.Append("room/2", 1, fence: 1)).AsTask());

        Assert.Equal(1, taken.State.Head);
        Assert.Equal([JournalOutcome.Fenced, JournalOutcome.Done], both.Select(static result => result.Outcome));
        await next.AppendAsync(Make.Append("room/1", 2, fence: 2)).DoneAsync();
        Assert.Equal([1, 2], (await old.AllAsync("room/1")).Offsets());
    }

    [Fact]
    public async Task Two_owners_that_race_for_one_stream_never_both_get_an_offset()
    {
        var database = await fixture.NewDatabaseAsync();
        await using var one = await ReadyAsync(database);
        await using var two = await ReadyAsync(database);
        await one.OpenAsync(Make.Open("room/1", fence: 1)).DoneAsync();
        var done = 0L;
        for (var fence = 2; fence < 12; fence++)
        {
            // The stale one goes on while the new one takes over, with the same next offset.
            var (stale, fresh) = fence % 2 == 0 ? (one, two) : (two, one);
            var staleFence = fence - 1;
            var head = (await stale.OpenAsync(Make.Open("room/1", fence: staleFence)).DoneAsync()).State.Head;
            var writes = Enumerable.Range(1, 20).Select(i => stale.AppendAsync(Tagged("room/1", head + i, staleFence)).AsTask()).ToArray();
            var taken = await fresh.OpenAsync(Make.Open("room/1", fence: fence)).DoneAsync();
            var own = await fresh.AppendAsync(Tagged("room/1", taken.State.Head + 1, fence)).DoneAsync();
            var results = await Task.WhenAll(writes);

            Assert.Equal(taken.State.Head - head, results.Count(static result => result.IsDone));
            done = own.State.Head;
        }

        var records = await one.AllAsync("room/1");
        Assert.Equal(Enumerable.Range(1, (int)done).Select(static i => (long)i), records.Offsets());
        Assert.True(records.Zip(records.Skip(1)).All(static pair => pair.First.Flags <= pair.Second.Flags));
    }

    private static AppendBatch Tagged(string stream, long offset, long fence) =>
        Make.Append(stream, offset, fence: fence, record: next => Make.Record(next) with { Flags = (uint)fence });

    // What the owner of an opened stream does: repeats what is unknown, goes on when it is done.
    private static async Task<long> AppendAsync(PostgresJournal journal, string stream, CancellationToken stop)
    {
        var head = 0L;
        while (!stop.IsCancellationRequested)
        {
            var result = await journal.AppendAsync(Make.Append(stream, head + 1, 2));
            Assert.True(result.IsDone || result.IsRetryable, $"{result.Outcome}: {result.Reason}");
            if (result.IsDone)
                head += 2;
        }

        // The last one may be unknown: it is repeated until it is not.
        JournalResult last;
        do
            last = await journal.AppendAsync(Make.Append(stream, head + 1, 2));
        while (last.IsRetryable);
        Assert.True(last.IsDone, $"{last.Outcome}: {last.Reason}");
        return head + 2;
    }

    private async Task<PostgresJournal> ReadyAsync(string connection)
    {
        var journal = new PostgresJournal(new PostgresJournalOptions { Connection = connection }, _log);
        await Eventually.Until(() => journal.Illness is null);
        return journal;
    }
}
