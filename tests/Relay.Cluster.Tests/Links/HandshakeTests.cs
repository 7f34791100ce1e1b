using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

public sealed class HandshakeTests
{
    private readonly Handshake _a = new(10, new RetryClock(500, 2000));
    private readonly Handshake _b = new(20, new RetryClock(500, 2000));

    [Fact]
    public void Two_that_begin_at_once_are_in_session_after_two_hellos_each()
    {
        var (fromA, fromB) = (Hello(_a), Hello(_b));
        Assert.Equal(new LinkHeader(LinkFrameKind.Hello, Asks: true, 10, 0), fromA);
        Assert.Equal(default, _a.See(fromB, 0));
        Assert.Equal(default, _b.See(fromA, 0));
        var second = Hello(_a);
        Assert.Equal(new LinkHeader(LinkFrameKind.Hello, Asks: true, 10, 20), second);
        Assert.Equal(new Sighting(Ended: false, Began: true, IsOfSession: true), _b.See(second, 0));
        var answer = Hello(_b);
        Assert.Equal(new LinkHeader(LinkFrameKind.Hello, Asks: false, 20, 10), answer);
        Assert.True(_a.See(answer, 0).Began);
        Assert.False(_a.TryTake(0, out _));
        Assert.False(_b.TryTake(0, out _));
        Assert.Equal(RetryClock.Never, _a.Deadline);
    }

    [Fact]
    public void Data_of_the_pair_begins_the_session_when_the_last_hello_was_lost()
    {
        Hello(_a);
        _a.See(Hello(_b), 0);
        Assert.Equal(new Sighting(Ended: false, Began: true, IsOfSession: true), _a.See(Data(20, 10), 0));
    }

    [Fact]
    public void Hellos_are_repeated_with_growing_waits_until_there_is_a_session()
    {
        var sent = new List<long>();
        for (var now = 0L; now < 10_000; now++)
        {
            _a.Tick(now);
            if (_a.TryTake(now, out _))
            {
                sent.Add(now);
            }
        }

        Assert.Equal([0, 500, 1500, 3500, 5500, 7500, 9500], sent);
    }

    [Fact]
    public void A_session_given_up_on_one_side_ends_on_the_other_and_its_frames_mean_nothing_any_more()
    {
        Open();
        _a.Begin(11);
        Assert.False(_a.IsOpen);
        Assert.Equal(default, _a.See(Data(20, 10), 100));
        Assert.Equal(new Sighting(Ended: true, Began: true, IsOfSession: true), _b.See(Hello(_a), 100));
        Assert.Equal(default, _b.See(Data(10, 20), 100));
        Assert.True(_a.See(Hello(_b), 100).Began);
        Assert.Equal((11, 20), (_a.Mine, _a.Theirs));
    }

    [Fact]
    public void A_late_hello_of_an_older_number_changes_nothing()
    {
        Open();
        _a.Begin(11);
        _b.See(Hello(_a), 0);
        Hello(_b);
        Assert.Equal(default, _b.See(new LinkHeader(LinkFrameKind.Hello, Asks: true, 10, 20), 0));
        Assert.True(_b.IsOpen);
        Assert.False(_b.TryTake(0, out _));
    }

    [Fact]
    public void Sessions_given_up_on_both_sides_at_once_are_followed_by_one()
    {
        Open();
        _a.Begin(11);
        _b.Begin(21);
        var (fromA, fromB) = (Hello(_a), Hello(_b));
        Assert.Equal(default, _a.See(fromB, 0));
        Assert.Equal(default, _b.See(fromA, 0));
        Assert.True(_b.See(Hello(_a), 0).Began);
        Assert.True(_a.See(Hello(_b), 0).Began);
        Assert.Equal((_a.Mine, _a.Theirs), (_b.Theirs, _b.Mine));
    }

    [Fact]
    public void A_newer_number_that_comes_without_this_sides_own_is_answered()
    {
        Open();
        Assert.Equal(new Sighting(Ended: true, Began: false, IsOfSession: false), _a.See(new LinkHeader(LinkFrameKind.Hello, Asks: false, 21, 9), 0));
        Assert.Equal(new LinkHeader(LinkFrameKind.Hello, Asks: true, 10, 21), Hello(_a));
        Assert.Equal(500, _a.Deadline);
    }

    [Fact]
    public void A_flock_of_frames_of_another_session_gets_one_answer()
    {
        Open();
        _a.Begin(11);
        Hello(_a);
        var answers = 0;
        for (var i = 0; i < 100; i++)
        {
            _a.See(Data(20, 10), 1000 + (i / 10));
            answers += _a.TryTake(1000 + (i / 10), out _) ? 1 : 0;
        }

        Assert.Equal(1, answers);
        _a.See(Data(20, 10), 1020);
        Assert.True(_a.TryTake(1020, out _));
    }

    [Fact]
    public void Whatever_is_shown_a_session_is_only_one_of_both_newest_numbers()
    {
        var random = new Random(1);
        for (var run = 0; run < 20_000; run++)
        {
            var handshake = new Handshake(5, new RetryClock(500, 2000));
            var highest = 0L;
            for (var i = 0; i < 8; i++)
            {
                var frame = new LinkHeader((LinkFrameKind)random.Next(1, 3), random.Next(2) == 0, random.Next(1, 6), random.Next(0, 8));
                var wasOpen = handshake.IsOpen;
                var seen = handshake.See(frame, i);
                highest = Math.Max(highest, frame.From);
                Assert.Equal(highest, handshake.Theirs);
                Assert.Equal(frame.From == highest && frame.To == 5, seen.IsOfSession);
                Assert.Equal(handshake.IsOpen, (wasOpen && !seen.Ended) || seen.Began);
                Assert.True(!seen.IsOfSession || handshake.IsOpen);
                Assert.True(!seen.Ended || wasOpen);
            }
        }
    }

    private static LinkHeader Data(long from, long to) => new(LinkFrameKind.Data, Asks: false, from, to);

    private static LinkHeader Hello(Handshake of)
    {
        Assert.True(of.TryTake(0, out var hello));
        return hello;
    }

    private void Open()
    {
        Hello(_a);
        _a.See(Hello(_b), 0);
        _b.See(Hello(_a), 0);
        _a.See(Hello(_b), 0);
        Assert.True(_a.IsOpen && _b.IsOpen);
    }
}
