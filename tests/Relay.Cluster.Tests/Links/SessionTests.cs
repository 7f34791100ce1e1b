using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

/// <summary>Beginnings and ends of sessions, and what the handler may do.</summary>
public sealed class SessionTests
{
    [Fact]
    public void A_reset_is_told_on_both_sides_and_another_session_begins()
    {
        using var net = LinkNet.Connected();
        net.A.Links.Reset(net.B.Id);
        Assert.Equal(["reset", "connected"], net.A.Told);
        Assert.Equal(["reset", "connected"], net.B.Told);
        Assert.True(net.A.Send(net.B, "one"));
        Assert.Equal("one", net.B.Told.Last());
        Assert.Equal(1, net.A.Counts["relay.cluster.links.resets"]);
        Assert.Equal(1, net.B.Counts["relay.cluster.links.resets"]);
    }

    [Fact]
    public void What_was_under_way_at_a_reset_is_gone()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static frame => frame.Kind == LinkFrameKind.Data;
        net.A.Send(net.B, "lost");
        net.B.Links.Reset(net.A.Id);
        net.A.Loses = static _ => false;
        net.A.Send(net.B, "new");
        net.Pass(5000);
        Assert.Equal(["reset", "connected", "new"], net.B.Told);
        Assert.Equal(["reset", "connected"], net.A.Told);
    }

    [Fact]
    public void A_reset_without_a_session_does_nothing()
    {
        using var net = new LinkNet();
        net.A.Links.SetPeers([net.B.Id]);
        net.A.Links.Reset(net.B.Id);
        net.B.Links.SetPeers([net.A.Id]);
        Assert.Equal(["connected"], net.A.Told);
        Assert.Equal(["connected"], net.B.Told);
    }

    [Fact]
    public void A_reset_within_a_message_ends_the_session_behind_that_message()
    {
        using var net = LinkNet.Connected();
        bool? taken = null;
        net.A.Holds = true;
        for (var i = 0; i < 8; i++)
        {
            net.A.Send(net.B, $"{i}");
        }

        net.B.React = told =>
        {
            if (told == "5")
            {
                net.B.Links.Reset(net.A.Id);
                taken = net.B.Send(net.A, "between sessions");
            }
        };
        net.A.Release();
        while (net.A.Held > 0)
        {
            net.A.Release();
        }

        Assert.Equal(["0", "1", "2", "3", "4", "5", "reset", "connected"], net.B.Told);
        Assert.False(taken);
        Assert.Equal(["reset", "connected"], net.A.Told);
    }

    [Fact]
    public void Messages_sent_within_calls_of_the_handler_belong_to_the_session_it_knows()
    {
        using var net = LinkNet.Connected();
        var taken = new List<(string, bool)>();
        net.A.React = told => taken.Add((told, net.A.Send(net.B, $"after {told}")));
        net.B.Links.Reset(net.A.Id);
        Assert.Equal([("reset", false), ("connected", true)], taken);
        Assert.Equal(["reset", "connected", "after connected"], net.B.Told);
    }

    [Fact]
    public void What_comes_while_the_handler_is_at_work_waits_its_turn()
    {
        using var net = LinkNet.Connected();
        var inside = new HashSet<TestNode>();
        var isNested = false;
        void Answer(TestNode self, TestNode peer, string told)
        {
            // The peer's answer comes in before the call that sent the question returns.
            isNested |= !inside.Add(self);
            var number = int.Parse(told);
            if (number < 50)
            {
                self.Send(peer, $"{number + 1}");
            }

            inside.Remove(self);
        }

        net.A.React = told => Answer(net.A, net.B, told);
        net.B.React = told => Answer(net.B, net.A, told);
        net.A.Send(net.B, "1");
        Assert.False(isNested);
        Assert.Equal(Enumerable.Range(1, 50).Where(static i => i % 2 == 1).Select(static i => $"{i}"), net.B.Told);
        Assert.Equal(Enumerable.Range(1, 50).Where(static i => i % 2 == 0).Select(static i => $"{i}"), net.A.Told);
    }

    [Fact]
    public void A_frame_that_comes_while_the_handler_is_called_waits()
    {
        using var net = LinkNet.Connected();
        Lose(net, "one", "two");
        var within = 0;
        net.B.React = told =>
        {
            if (told == "one")
            {
                net.B.Links.OnFrame(net.A.Lost[1]);
                within = net.B.Told.Count;
            }
        };
        net.B.Links.OnFrame(net.A.Lost[0]);
        Assert.Equal(1, within);
        Assert.Equal(["one", "two"], net.B.Told);
    }

    [Fact]
    public void A_frame_that_waits_for_the_handler_is_nothing_any_more_when_the_peer_is_gone()
    {
        using var net = LinkNet.Connected();
        Lose(net, "one");
        net.B.React = told =>
        {
            if (told == "one")
            {
                net.B.Links.OnFrame(net.A.Lost[0]);
                net.B.Links.SetPeers([]);
            }
        };
        net.B.Links.OnFrame(net.A.Lost[0]);
        Assert.Equal(["one", "reset"], net.B.Told);
    }

    [Fact]
    public void What_waits_for_the_handler_is_bounded_and_the_rest_is_sent_again()
    {
        using var net = LinkNet.Connected();
        var large = new string('x', 1_000_000);
        Lose(net, "one", large);
        net.B.React = told =>
        {
            for (var i = 0; i < 40 && told == "one"; i++)
            {
                net.B.Links.OnFrame(net.A.Lost[1]);
            }
        };
        net.B.Links.OnFrame(net.A.Lost[0]);
        Assert.Equal(["one", large], net.B.Told);
        Assert.Equal(24, net.B.Counts["relay.cluster.links.dropped reason=busy"]);
    }

    [Fact]
    public void A_session_that_ends_before_the_handler_has_heard_of_it_takes_no_messages()
    {
        using var net = LinkNet.Connected();
        var taken = new List<bool>();
        net.B.React = told =>
        {
            if (told == "reset" && net.B.Told.Count == 1)
            {
                // The frame that ended the session has begun the next one.
                net.B.Links.Reset(net.A.Id);
            }
            else if (told == "connected")
            {
                taken.Add(net.B.Send(net.A, $"{net.B.Told.Count}"));
            }
        };
        net.A.Links.Reset(net.B.Id);
        Assert.Equal(["reset", "connected", "reset", "connected"], net.B.Told);
        Assert.Equal([false, true], taken);
        Assert.Equal("4", net.A.Told.Last());
    }

    [Fact]
    public void A_handler_that_fails_gets_the_next_message_all_the_same_and_is_logged_once()
    {
        using var net = LinkNet.Connected();
        net.B.React = static _ => throw new InvalidOperationException("bad handler");
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        net.A.Links.Reset(net.B.Id);
        Assert.Equal(["one", "two", "reset", "connected"], net.B.Told);
        Assert.Single(net.B.Logs.Of(153));
    }

    [Fact]
    public void A_peer_that_is_gone_is_told_as_a_reset_and_gets_nothing_more()
    {
        using var net = LinkNet.Connected();
        net.B.Loses = static _ => true;
        net.A.Send(net.B, "one");
        net.A.Links.SetPeers([net.A.Id]);
        Assert.Equal(["reset"], net.A.Told);
        net.A.Sent.Clear();
        net.Pass(5000);
        Assert.False(net.A.Send(net.B, "two"));
        Assert.Empty(net.A.Sent);
        Assert.Equal(0, net.Time.ActiveTimers);
    }

    [Fact]
    public void A_peer_that_was_gone_for_one_side_only_is_met_anew_by_both()
    {
        using var net = LinkNet.Connected();
        net.A.Links.SetPeers([]);
        net.B.Send(net.A, "lost");
        net.A.Links.SetPeers([net.B.Id]);
        Assert.Equal(["reset", "connected"], net.A.Told);
        Assert.Equal(["reset", "connected"], net.B.Told);
        net.B.Send(net.A, "new");
        net.Pass(5000);
        Assert.Equal(["reset", "connected", "new"], net.A.Told);
    }

    [Fact]
    public void A_peer_that_goes_and_comes_back_while_the_handler_is_called_keeps_its_order()
    {
        using var net = LinkNet.Connected();
        Lose(net, "one");
        var within = 0;
        net.B.React = told =>
        {
            if (told == "one")
            {
                net.B.Links.SetPeers([]);
                net.B.Links.SetPeers([net.A.Id]);
                within = net.B.Told.Count;
            }
        };
        net.B.Links.OnFrame(net.A.Lost[0]);
        Assert.Equal(1, within);
        Assert.Equal(["one", "reset", "connected"], net.B.Told);
        net.A.Send(net.B, "two");
        net.B.Send(net.A, "three");
        Assert.Equal(["one", "reset", "connected", "two"], net.B.Told);
        Assert.Equal(["reset", "connected", "three"], net.A.Told);
    }

    [Fact]
    public void Another_run_of_a_node_is_another_peer()
    {
        using var net = LinkNet.Connected();
        net.A.Links.SetPeers([net.B.Id with { Incarnation = 77 }]);
        Assert.Equal(["reset"], net.A.Told);
        net.B.Send(net.A, "lost");
        Assert.True(net.A.Counts["relay.cluster.links.dropped reason=stranger"] > 0);
        Assert.Equal(["reset"], net.A.Told);
    }

    // From a to b, each in a frame of its own.
    private static void Lose(LinkNet net, params string[] messages)
    {
        net.A.Loses = static _ => true;
        foreach (var message in messages)
        {
            Assert.True(net.A.Send(net.B, message));
        }

        Assert.Equal(messages.Length, net.A.Lost.Count);
        net.A.Loses = static _ => false;
    }
}
