using Relay.Actors.Explain;

namespace Relay.Actors.Tests.Explain;

public sealed class DeliveryLogTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void It_stays_within_its_bytes_whatever_happens_and_is_of_use(int stripes)
    {
        const int Bound = 1 << 20;
        var log = new DeliveryLog(Bound, stripes);
        for (var n = 1; n <= 50_000; n++)
        {
            var channel = $"topics/{n % 5000}";
            var publication = Make.Event(n, channel: channel, at: n);
            log.Accepted([publication], ["n1"]);
            log.FannedOut(channel, [publication], n);
            log.NotAccepted(channel, "id" + n, NotAccepted.Duplicate, publication.Position, "because", "ann", n);
            log.Happened(Happening.Dropped, n, channel, Make.Epoch, n, n, n, new string('x', n % 400));
            log.WrittenLate(n, 0, n, n + 50_000);
            log.Acked(n, publication.Position, n);
        }

        // One thread adds to few of the stripes.
        Assert.InRange(log.Bytes, Bound / 8, Bound);
        Assert.True(log.Messages > 100);
        Assert.NotNull(log.OldestMicros);
        Assert.Single(log.FindAccepted(static entry => entry.Position.Offset == 50_000, 10));
        Assert.Empty(log.FindAccepted(static entry => entry.Position.Offset == 1, 10));
    }

    [Fact]
    public void A_batch_is_one_entry_for_each_run_of_one_channel()
    {
        var log = new DeliveryLog(1 << 20, 1);
        log.FannedOut("pattern:topics/*", [Make.Event(1), Make.Event(2), Make.Event(4), Make.Event(1, channel: "topics/y"), Make.Event(0)], 9);
        Assert.Equal(
            ["topics/x 1-2", "topics/x 4-4", "topics/y 1-1"],
            log.FindFannedOut(static _ => true).ConvertAll(static entry => $"{entry.Channel} {entry.From}-{entry.To}"));
    }

    [Fact]
    public void Turned_off_it_keeps_nothing()
    {
        DeliveryLog.Off.Accepted([Make.Event(1)], []);
        DeliveryLog.Off.Happened(Happening.Dropped, 1, "topics/x", Make.Epoch, 1, 1, 1);
        DeliveryLog.Off.WrittenLate(1, 0, 0, 1_000_000);
        Assert.Equal((0L, 0, false), (DeliveryLog.Off.Bytes, DeliveryLog.Off.Messages, DeliveryLog.Off.IsOn));
        Assert.Empty(DeliveryLog.Off.FindHappenings(static _ => true));
    }
}
