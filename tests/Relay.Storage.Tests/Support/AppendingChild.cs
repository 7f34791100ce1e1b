using System.Globalization;
using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Sqlite;
using Relay.Testing;

namespace Relay.Storage.Tests.Support;

/// <summary>A process that appends to four streams with several appends in flight, and says a line for each that is done, until it is killed.</summary>
internal static class AppendingChild
{
    public static readonly string[] Streams = ["crash/a", "crash/b", "crash/c", "crash/d"];

    private static readonly Lock Gate = new();

    /// <summary>The process, started on a journal's folder.</summary>
    public static ServerProcess Start(string path) =>
        ServerProcess.Start("dotnet", [typeof(AppendingChild).Assembly.Location, "append", path], "dotnet was not found");

    public static async Task<int> RunAsync(string path)
    {
        using var loggers = new LogLines();
        await using var journal = SqliteJournal.Open(new SqliteJournalOptions { Path = path }, loggers, new Random());
        Say("opened " + loggers.Of(83).Count().ToString(CultureInfo.InvariantCulture));
        await Task.WhenAll(Streams.Select(stream => AppendAsync(journal, stream)));
        return 1;
    }

    private static async Task AppendAsync(SqliteJournal journal, string stream)
    {
        var opened = await journal.OpenAsync(new OpenStream { Stream = stream, EpochIfNew = Make.Epoch });
        Say($"head {stream} {opened.State.Epoch} {opened.State.Head}");
        var inFlight = new Queue<(long Last, Task<JournalResult> Append)>();
        for (var next = opened.State.Head + 1; ; next += 3)
        {
            inFlight.Enqueue((next + 2, journal.AppendAsync(Make.Append(stream, next, 3)).AsTask()));
            if (inFlight.Count == 8)
            {
                var (last, append) = inFlight.Dequeue();
                var result = await append;
                if (!result.IsDone)
                    throw new InvalidOperationException($"{stream}: {result.Outcome} {result.Reason}");
                Say($"done {stream} {last}");
            }
        }
    }

    private static void Say(string line)
    {
        lock (Gate)
            Console.WriteLine(line);
    }
}
