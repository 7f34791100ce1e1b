using Relay.History;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Each subscriber's log against the final content. The checker alone would excuse a subscriber that gives places up by itself.</summary>
internal static class CompleteLogs
{
    /// <summary>Each subscriber saw what is stored behind the place where it began, and nothing else.</summary>
    public static void Assert(IReadOnlyList<HistoryEntry> entries)
    {
        var stored = entries.OfType<Stored>().ToLookup(static one => one.Channel, static one => (one.Place, one.Id, one.Body), StringComparer.Ordinal);
        var began = entries.OfType<Subscribed>().GroupBy(static one => (one.Channel, one.Subscriber)).ToDictionary(static log => log.Key, static log => log.First().Place.Offset);
        var seen = entries.OfType<Seen>().ToLookup(static one => (one.Channel, one.Subscriber), static one => (one.Place, one.Id, one.Body));
        foreach (var (log, offset) in began)
        {
            var awaited = stored[log.Channel].Where(one => one.Place.Offset > offset);

            // The assertion explains, and takes a hundred times as long.
            if (!awaited.SequenceEqual(seen[log]))
            {
                Xunit.Assert.Equal(awaited, seen[log]);
            }
        }
    }
}
