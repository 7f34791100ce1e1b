namespace Relay.Cluster.Tests.Links;

/// <summary>What tells an engine with several ways that one of them may be dead.</summary>
public sealed class DoubtTests
{
    [Fact]
    public void Nobody_doubts_while_what_is_sent_is_acknowledged()
    {
        using var net = LinkNet.Connected();
        for (var i = 0; i < 20; i++)
        {
            net.A.Send(net.B, $"{i}");
            net.Pass(400);
        }

        Assert.Equal((0, 0), (net.A.Doubts, net.B.Doubts));
    }

    [Fact]
    public void Who_sends_and_hears_nothing_doubts_each_time_it_repeats()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static _ => true;
        net.A.Send(net.B, "x");
        net.Pass(499);
        Assert.Equal(0, net.A.Doubts);
        net.Pass(2);
        Assert.Equal((1, 0), (net.A.Doubts, net.B.Doubts));
        net.Pass(1000);
        Assert.Equal(2, net.A.Doubts);
        net.A.Loses = static _ => false;
        net.Pass(3000);
        Assert.Equal(["x"], net.B.Told);
    }

    [Fact]
    public void Who_is_sent_again_what_it_acknowledged_long_ago_doubts_as_well()
    {
        using var net = LinkNet.Connected();
        net.B.Loses = static _ => true;
        net.A.Send(net.B, "x");
        net.Pass(501);
        Assert.Equal((1, 1), (net.A.Doubts, net.B.Doubts));
        Assert.Equal(["x"], net.B.Told);
    }

    [Fact]
    public void A_repeat_that_crossed_its_acknowledgement_is_no_reason_to_doubt()
    {
        using var net = LinkNet.Connected();
        net.B.Loses = static _ => true;
        net.A.Send(net.B, "x");
        net.Pass(30);
        net.B.Loses = static _ => false;
        net.A.Links.OnInboxRestored();
        Assert.Equal(0, net.B.Doubts);
    }

    [Fact]
    public void Who_asks_for_a_session_and_gets_no_answer_doubts()
    {
        using var net = new LinkNet();
        net.A.Loses = static _ => true;
        net.B.Loses = static _ => true;
        net.Meet();
        net.Pass(501);
        Assert.Equal((1, 1), (net.A.Doubts, net.B.Doubts));
    }

    [Fact]
    public void Who_is_asked_again_for_a_session_that_it_has_doubts()
    {
        using var net = new LinkNet();

        // b's number arrives, and nothing behind it: a is not in session, b is.
        net.B.Loses = static frame => frame.To != 0;
        net.Meet();
        net.Pass(501);
        Assert.Equal(["connected"], net.B.Told);
        Assert.Empty(net.A.Told);
        Assert.Equal((1, 1), (net.A.Doubts, net.B.Doubts));
    }
}
