using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

public sealed class ReceptionTests
{
    private readonly Reception _reception = new(ackDelay: 20, ackBytes: 1000);

    [Fact]
    public void Messages_in_order_are_taken_and_acknowledged_after_the_delay()
    {
        Assert.Equal((LinkDrop.None, 0), Take(1, 3, now: 5));
        Assert.Equal((LinkDrop.None, 0), Take(4, 1, now: 15));
        Assert.Equal((4, 25, false), (_reception.Received, _reception.Deadline, _reception.AsksAgain));
        _reception.Told(now: 0);
        Assert.Equal(RetryClock.Never, _reception.Deadline);
    }

    [Fact]
    public void Much_that_is_not_acknowledged_waits_no_longer()
    {
        Take(1, 1, now: 5, bytes: 600);
        Take(2, 1, now: 6, bytes: 600);
        Assert.Equal(6, _reception.Deadline);
        _reception.Told(now: 0);
        Take(3, 1, now: 7, bytes: 600);
        Assert.Equal(27, _reception.Deadline);
    }

    [Fact]
    public void What_was_here_before_is_skipped_and_answered_at_once()
    {
        Take(1, 3, now: 0);
        _reception.Told(now: 0);
        Assert.Equal((LinkDrop.Repeated, 3), Take(1, 3, now: 7));
        Assert.Equal((3, 7), (_reception.Received, _reception.Deadline));
        Assert.Equal((LinkDrop.None, 2), Take(2, 4, now: 8));
        Assert.Equal(5, _reception.Received);
    }

    [Fact]
    public void A_gap_is_told_at_once_but_not_for_each_frame_behind_it()
    {
        Take(1, 1, now: 0);
        Assert.Equal((LinkDrop.Gap, 1), Take(3, 1, now: 100));
        Assert.Equal((1, 100, true), (_reception.Received, _reception.Deadline, _reception.AsksAgain));
        _reception.Told(now: 0);
        Assert.Equal((LinkDrop.Gap, 2), Take(4, 2, now: 119));
        Assert.False(_reception.AsksAgain);
        Take(6, 1, now: 120);
        Assert.True(_reception.AsksAgain);
        _reception.Told(now: 0);

        // Another gap.
        Take(2, 1, now: 121);
        Take(4, 1, now: 122);
        Assert.Equal((true, 122), (_reception.AsksAgain, _reception.Deadline));
    }

    [Fact]
    public void Another_session_begins_at_nothing()
    {
        Take(1, 5, now: 0);
        Take(7, 1, now: 0);
        _reception.Clear();
        Assert.Equal((0, RetryClock.Never, false), (_reception.Received, _reception.Deadline, _reception.AsksAgain));
        Take(2, 1, now: 1);
        Assert.True(_reception.AsksAgain);
    }

    private (LinkDrop Drop, int Skip) Take(long first, int count, long now, int bytes = 10) => (_reception.Take(first, count, bytes, now, out var skip), skip);
}
