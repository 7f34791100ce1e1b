namespace Relay.History.Tests;

/// <summary>Short words for building histories by hand: one channel, one epoch, bodies made of ids.</summary>
internal static class HistoryText
{
    public const string Channel = "topics/t";
    public const string Epoch = "e1";

    public static Place At(long offset, string epoch = Epoch) => new(epoch, offset);

    public static Invoked Invoked(string id) => new(Channel, "p", id, Body(id));

    public static Acknowledged Acked(string id, long offset, bool duplicate = false, string epoch = Epoch) => new(Channel, "p", id, At(offset, epoch), duplicate);

    public static Refused Refused(string id, bool retryable) => new(Channel, "p", id, retryable ? "UNAVAILABLE" : "FORBIDDEN", retryable);

    public static Subscribed Live(long offset, string subscriber = "s") => new(Channel, subscriber, null, At(offset), null);

    public static Subscribed Resumed(long since, long head, bool? recovered = true, string epoch = Epoch) => new(Channel, "s", At(since), At(head, epoch), recovered);

    public static Seen Seen(string id, long offset, string subscriber = "s", string epoch = Epoch) => new(Channel, subscriber, At(offset, epoch), id, Body(id));

    public static GapTold Gap(long from, long to, string epoch = Epoch) => new(Channel, "s", epoch, from, to);

    public static Disconnected Gone() => new(Channel, "s");

    public static CaughtUp Complete(long offset, string epoch = Epoch) => new(Channel, "s", At(offset, epoch));

    public static JournalRead Journal(long head, long first = 1, string epoch = Epoch) => new(Channel, At(head, epoch), first);

    public static Stored Stored(string id, long offset, string epoch = Epoch) => new(Channel, At(offset, epoch), id, Body(id));

    public static string Body(string id) => $$"""{"id":"{{id}}"}""";

    /// <summary>Two publishes, acknowledged at 1 and 2.</summary>
    public static HistoryEntry[] TwoPublished { get; } = [Invoked("a"), Acked("a", 1), Invoked("b"), Acked("b", 2)];

    public static HistoryEntry[] TwoStored { get; } = [Journal(2), Stored("a", 1), Stored("b", 2)];

    /// <summary>The kinds that are found, each once, in their order.</summary>
    public static IEnumerable<FindingKind> Kinds(params HistoryEntry[] history) =>
        HistoryChecker.Check(history).Findings.Select(static finding => finding.Kind).Distinct().Order();
}
