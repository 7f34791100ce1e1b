using Relay.Testing;
using static Relay.History.Tests.HistoryText;

namespace Relay.History.Tests;

/// <summary>The recorder and its file.</summary>
public sealed class RecorderTests
{
    [Fact]
    public void A_history_comes_back_from_its_file_as_it_was()
    {
        HistoryEntry[] all =
        [
            .. TwoPublished, Refused("c", retryable: true), new Unanswered(Channel, "p", "c"), Live(0), Resumed(1, 2, recovered: false), Seen("b", 2), Gap(1, 1), Gone(),
            Complete(2), .. TwoStored,
        ];
        using var folder = new TempFolder();
        using (var recorder = new HistoryRecorder(folder.File("history.jsonl")))
        {
            foreach (var entry in all)
            {
                recorder.Add(entry);
            }

            Assert.Equal(all, recorder.Entries);
        }

        Assert.Equal(all, HistoryFile.Read(folder.File("history.jsonl")));
    }

    [Fact]
    public async Task Lines_of_many_writers_are_all_there_each_writer_in_its_order()
    {
        const int Writers = 8;
        const int Lines = 500;
        using var recorder = new HistoryRecorder();
        await Parallel.ForEachAsync(Enumerable.Range(0, Writers), new ParallelOptions { MaxDegreeOfParallelism = Writers }, (writer, _) =>
        {
            for (var n = 0; n < Lines; n++)
            {
                recorder.Add(new Unanswered(Channel, $"w{writer}", $"{n:0000}"));
            }

            return ValueTask.CompletedTask;
        });
        var writers = recorder.Entries.Cast<Unanswered>().GroupBy(static line => line.Publisher, StringComparer.Ordinal).ToList();
        Assert.Equal(Writers, writers.Count);
        Assert.All(writers, static lines => Assert.Equal(Enumerable.Range(0, Lines).Select(static n => $"{n:0000}"), lines.Select(static line => line.Id), StringComparer.Ordinal));
    }
}
