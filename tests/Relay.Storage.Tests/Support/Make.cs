using System.Globalization;
using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Tests.Support;

/// <summary>Short words for what the tests write.</summary>
internal static class Make
{
    public const ulong Epoch = 0x1234567890;

    public static OpenStream Open(string stream, long fence = 0, ulong epoch = Epoch) => new() { Stream = stream, Fence = fence, EpochIfNew = epoch };

    public static AppendBatch Append(string stream, long first, int count = 1, long fence = 0, ulong epoch = Epoch, Func<long, JournalRecord>? record = null) => new()
    {
        Stream = stream, Fence = fence, Epoch = epoch, Records = [.. Enumerable.Range(0, count).Select(i => (record ?? Record)(first + i))],
    };

    /// <summary>Its time is its offset in seconds, its payload tells its offset.</summary>
    public static JournalRecord Record(long offset) => new() { Offset = offset, TimeMicros = Seconds(offset), Payload = Payload(offset) };

    public static byte[] Payload(long offset) => Encoding.UTF8.GetBytes("{\"n\":" + offset.ToString(CultureInfo.InvariantCulture) + "}");

    public static long Seconds(long seconds) => seconds * 1_000_000;

    public static IEnumerable<long> Offsets(this IEnumerable<JournalRecord> records) => records.Select(static record => record.Offset);

    public static async Task<JournalResult> DoneAsync(this ValueTask<JournalResult> write)
    {
        var result = await write;
        Assert.True(result.Outcome == JournalOutcome.Done, $"{result.Outcome}: {result.Reason}");
        return result;
    }

    public static ValueTask<JournalRecord[]> AllAsync(this IJournal journal, string stream) => journal.ReadAsync(new ReadRecords { Stream = stream, Limit = 100_000 });
}
