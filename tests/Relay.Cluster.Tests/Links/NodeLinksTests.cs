using Relay.Cluster.Engine;
using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

public sealed class NodeLinksTests
{
    [Fact]
    public void Nodes_that_know_each_other_are_in_session_and_messages_pass_without_a_timer()
    {
        using var net = new LinkNet();
        Assert.False(net.A.Send(net.B, "too early"));
        net.Meet();
        Assert.True(net.A.Send(net.B, "one"));
        Assert.True(net.B.Send(net.A, "two"));
        Assert.Equal(["connected", "two"], net.A.Told);
        Assert.Equal(["connected", "one"], net.B.Told);
        Assert.Equal(TimeSpan.Zero, net.Time.Elapsed);
    }

    [Fact]
    public void A_node_sends_nothing_to_itself_and_to_strangers()
    {
        using var net = LinkNet.Connected();
        Assert.False(net.A.Send(net.A, "x"));
        Assert.False(net.A.Links.TrySend(net.B.Id with { Incarnation = 7 }, "x"u8));
        net.A.Links.Reset(net.A.Id);
        Assert.Empty(net.A.Told);
    }

    [Fact]
    public void The_bytes_of_a_message_are_its_senders_again_at_once()
    {
        using var net = LinkNet.Connected();
        net.A.Holds = true;
        var message = "abc"u8.ToArray();
        for (var i = 0; i < 6; i++)
        {
            message[0] = (byte)('0' + i);
            Assert.True(net.A.Links.TrySend(net.B.Id, message));
        }

        net.A.Release();
        Assert.Equal(["0bc", "1bc", "2bc", "3bc", "4bc", "5bc"], net.B.Told);
    }

    [Fact]
    public void Messages_gather_while_four_frames_are_under_way()
    {
        using var net = LinkNet.Connected();
        net.A.Holds = true;
        for (var i = 0; i < 100; i++)
        {
            Assert.True(net.A.Send(net.B, $"{i}"));
        }

        Assert.Equal(4, net.A.Held);
        Assert.Equal(4, net.B.Told.Count);
        net.A.Release();
        Assert.Equal(Enumerable.Range(0, 100).Select(static i => $"{i}"), net.B.Told);
        Assert.Equal([1, 1, 1, 1, 96], net.A.Sent.Select(static frame => frame.Count));
    }

    [Fact]
    public void What_was_marked_is_reached_when_the_peer_has_acknowledged_it_and_not_what_came_later()
    {
        using var net = LinkNet.Connected();
        Assert.True(NodeLinks.HasReached(net.A.Links.Mark()));
        net.A.Loses = static header => header.Count > 0;
        net.A.Send(net.B, "lost at first");
        var mark = net.A.Links.Mark();
        net.Pass(50);
        Assert.False(NodeLinks.HasReached(mark));
        net.A.Loses = static _ => false;
        while (net.B.Told.Count == 0)
        {
            net.Pass(50);
        }

        net.Pass(50);
        net.A.Loses = static header => header.Count > 0;
        net.A.Send(net.B, "lost again");
        Assert.True(NodeLinks.HasReached(mark));
        Assert.False(NodeLinks.HasReached(net.A.Links.Mark()));
    }

    [Fact]
    public void What_was_marked_in_a_session_that_is_over_is_waited_for_no_longer()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static header => header.Count > 0;
        net.A.Send(net.B, "lost");
        var (mark, other) = (net.A.Links.Mark(), net.A.Links.Mark());
        net.A.Links.Reset(net.B.Id);
        Assert.True(NodeLinks.HasReached(mark));
        net.A.Links.SetPeers([net.A.Id]);
        Assert.True(NodeLinks.HasReached(other));
        Assert.True(NodeLinks.HasReached(net.A.Links.Mark()));
    }

    [Fact]
    public void A_frame_holds_no_more_than_its_bound_unless_it_is_one_message()
    {
        using var net = LinkNet.Connected(new LinkOptions { MaxFrame = 2000 });
        net.A.Holds = true;
        int[] sizes = [1, 1, 1, 1, 900, 900, 900, 5000, 10, 10];
        foreach (var size in sizes)
        {
            Assert.True(net.A.Send(net.B, new string('x', size)));
        }

        while (net.A.Held > 0)
        {
            net.A.Release();
        }

        Assert.Equal(sizes, net.B.Told.Select(static message => message.Length));
        Assert.Equal([1, 1, 1, 1, 2, 1, 1, 2], net.A.Sent.Where(static frame => frame.Count > 0).Select(static frame => frame.Count));
    }

    [Fact]
    public void A_message_may_have_sixteen_mebibytes_and_no_more()
    {
        using var net = LinkNet.Connected();
        var message = new byte[LinkOptions.MaxMessage + 1];
        Assert.Throws<ArgumentException>(() => net.A.Links.TrySend(net.B.Id, message));
        Assert.True(net.A.Links.TrySend(net.B.Id, message.AsSpan(1)));
        Assert.Equal(LinkOptions.MaxMessage, Assert.Single(net.B.Told).Length);
    }

    [Fact]
    public void No_more_is_kept_than_may_be_until_it_is_acknowledged()
    {
        using var net = LinkNet.Connected(new LinkOptions { MaxUnacked = 1000 });
        net.B.Loses = static _ => true;
        var taken = 0;
        while (net.A.Send(net.B, new string('x', 96)))
        {
            taken++;
        }

        Assert.Equal(10, taken);
        net.B.Loses = static _ => false;
        net.Pass(600);
        Assert.True(net.A.Send(net.B, "more"));
    }

    [Fact]
    public void An_acknowledgement_waits_for_a_message_to_travel_with_but_not_long()
    {
        using var net = LinkNet.Connected();
        net.A.Send(net.B, "question");
        net.Pass(19);
        Assert.Empty(net.B.Sent);
        net.B.Send(net.A, "answer");
        Assert.Equal((1, 1), (net.B.Sent.Single().Count, net.B.Sent.Single().Ack));
        net.Pass(100);
        Assert.Single(net.B.Sent);
        Assert.Equal((0, 1), (net.A.Sent.Last().Count, net.A.Sent.Last().Ack));
        Assert.Equal(2, net.A.Sent.Count);
    }

    [Fact]
    public void Much_is_acknowledged_at_once_so_the_window_never_closes()
    {
        using var net = LinkNet.Connected(new LinkOptions { Window = 10_000, MaxFrame = 2000 });
        for (var i = 0; i < 100; i++)
        {
            Assert.True(net.A.Send(net.B, new string('x', 1000)));
        }

        Assert.Equal(100, net.B.Told.Count);
        Assert.InRange(net.B.Sent.Count, 30, 40);
    }

    [Fact]
    public void A_lost_frame_is_asked_for_as_soon_as_another_comes()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static frame => frame.First == 2;
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        net.A.Loses = static _ => false;
        net.A.Send(net.B, "three");
        Assert.Equal(["one", "two", "three"], net.B.Told);
        Assert.Equal(TimeSpan.FromMilliseconds(100), net.Time.Elapsed);
        Assert.Equal(1, net.A.Counts["relay.cluster.links.resends"]);
        Assert.Equal(1, net.B.Counts["relay.cluster.links.dropped reason=gap"]);
    }

    [Fact]
    public void The_last_frame_is_sent_again_with_growing_waits_until_it_is_acknowledged()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static _ => true;
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        var sent = new List<int>();
        for (var i = 0; i < 10_000; i++)
        {
            var before = net.A.Sent.Count;
            net.Pass(1);
            if (net.A.Sent.Count > before)
            {
                sent.Add(i + 1);
            }
        }

        Assert.Equal([500, 1500, 3500, 5500, 7500, 9500], sent);
        net.A.Loses = static _ => false;
        net.Pass(2000);
        Assert.Equal(["one", "two"], net.B.Told);
        net.Pass(10_000);
        Assert.Equal(["one", "two"], net.B.Told);
    }

    [Fact]
    public void Who_has_not_answered_for_long_gets_one_frame_at_a_time()
    {
        using var net = LinkNet.Connected(new LinkOptions { MaxFrame = 2000 });
        net.A.Loses = static _ => true;
        for (var i = 0; i < 20; i++)
        {
            net.A.Send(net.B, new string('x', 1500));
        }

        net.A.Sent.Clear();
        net.Pass(600);
        Assert.Single(net.A.Sent);
        net.A.Loses = static _ => false;
        net.Pass(2000);
        Assert.Equal(20, net.B.Told.Count);
    }

    [Fact]
    public void A_restored_inbox_has_peers_send_again_at_once()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static _ => true;
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        net.A.Loses = static _ => false;
        net.B.Links.OnInboxRestored();
        Assert.Equal(["one", "two"], net.B.Told);
        Assert.Equal(TimeSpan.FromMilliseconds(100), net.Time.Elapsed);
    }

    [Fact]
    public void A_restored_inbox_hears_of_acknowledgements_it_missed()
    {
        using var net = LinkNet.Connected();
        net.B.Loses = static _ => true;
        net.A.Send(net.B, "one");
        net.Pass(100);
        net.B.Loses = static _ => false;
        net.A.Links.OnInboxRestored();
        Assert.Equal(0, net.A.Links.LinkTo(net.B.Id)!.Kept);
        Assert.Equal(["one"], net.B.Told);
    }

    [Fact]
    public void Who_is_asked_and_has_nothing_to_send_says_where_it_stands()
    {
        using var net = LinkNet.Connected();
        net.B.Links.OnInboxRestored();
        Assert.Equal(new LinkHeader(LinkFrameKind.Data, Asks: true, net.B.Sent[0].From, net.B.Sent[0].To), Assert.Single(net.B.Sent));
        Assert.Equal(new LinkHeader(LinkFrameKind.Data, Asks: false, net.A.Sent[0].From, net.A.Sent[0].To), Assert.Single(net.A.Sent));
    }

    [Fact]
    public void A_request_to_go_back_that_comes_twice_or_late_is_answered_once()
    {
        using var net = LinkNet.Connected();
        net.A.Loses = static _ => true;
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        net.A.Sent.Clear();
        Ask(net, ack: 0);
        Assert.Equal(1, net.A.Sent.Single().First);
        Ask(net, ack: 0);
        Assert.Equal(0, net.A.Sent.Skip(1).Single().Count);
        net.Pass(20);
        net.A.Sent.Clear();
        Ask(net, ack: 1);
        Assert.Equal(2, net.A.Sent.Single().First);

        // From before the one with the higher number.
        Ask(net, ack: 0);
        net.Pass(20);
        Ask(net, ack: 0);
        Assert.All(net.A.Sent.Skip(1), static frame => Assert.Equal(0, frame.Count));
    }

    [Fact]
    public void An_acknowledgement_that_cannot_be_sent_waits_for_the_engine_and_not_for_a_timer()
    {
        using var net = LinkNet.Connected();
        net.B.Holds = true;
        for (var i = 0; i < 4; i++)
        {
            net.B.Send(net.A, "x");
        }

        net.Pass(100);
        net.A.Send(net.B, "one");
        net.Pass(30);
        Assert.True(net.Time.NextDue is not { } due || due - net.Time.Elapsed > TimeSpan.FromMilliseconds(100));
        net.B.Release();
        Assert.Equal(1, net.B.Sent.Last().Ack);
    }

    [Fact]
    public void A_handshake_goes_on_as_soon_as_the_inbox_is_restored()
    {
        using var net = new LinkNet();
        net.A.Loses = net.B.Loses = static _ => true;
        net.Meet();
        net.A.Loses = net.B.Loses = static _ => false;
        net.B.Links.OnInboxRestored();
        Assert.Equal(["connected"], net.A.Told);
        Assert.Equal(["connected"], net.B.Told);
    }

    [Fact]
    public void A_frame_the_engine_did_not_take_is_sent_again()
    {
        using var net = LinkNet.Connected();
        net.A.Failure = new ClusterEngineException("away", isRetryable: true);
        Assert.True(net.A.Send(net.B, "one"));
        net.A.Failure = new InvalidOperationException("a mistake");
        net.Pass(500);
        net.Pass(1000);
        net.A.Failure = null;
        net.A.Holds = true;
        net.A.Loses = static _ => true;
        net.Pass(2000);
        net.A.Release(new ClusterEngineException("no answer", isRetryable: true));
        net.A.Loses = static _ => false;
        net.Pass(2000);
        Assert.Equal(["one"], net.B.Told);
        Assert.Equal(4, net.A.Counts["relay.cluster.links.failures"]);
        Assert.Single(net.A.Logs.Of(154));
    }

    [Fact]
    public void Frames_of_which_nothing_is_known_are_counted_and_dropped()
    {
        using var net = LinkNet.Connected();
        var stranger = LinkFrame.Key(new NodeId("c", 1));
        var frame = new byte[LinkFrame.HeaderLength(stranger)];
        LinkFrame.WriteHeader(frame, new LinkHeader(LinkFrameKind.Hello, Asks: true, 1, 0), stranger);
        net.A.Links.OnFrame(frame);
        net.A.Links.OnFrame([]);
        net.A.Links.OnFrame("\u0001nonsense"u8);
        net.A.Links.OnFrame([2, 1, 2, 3]);
        net.A.Links.OnFrame([9]);
        Assert.Equal(1, net.A.Counts["relay.cluster.links.dropped reason=stranger"]);
        Assert.Equal(2, net.A.Counts["relay.cluster.links.dropped reason=malformed"]);
        Assert.Equal(2, net.A.Counts["relay.cluster.links.dropped reason=version"]);
        Assert.Single(net.A.Logs.Of(152));
        Assert.Empty(net.A.Sent);
        Assert.Empty(net.A.Told);
    }

    [Fact]
    public void An_acknowledgement_of_what_was_never_sent_has_no_effect()
    {
        using var net = LinkNet.Connected();
        net.B.Loses = static _ => true;
        net.A.Send(net.B, "one");
        var pair = net.B.Links.LinkTo(net.A.Id)!.Pair;
        var key = LinkFrame.Key(net.B.Id);
        var frame = new byte[LinkFrame.HeaderLength(key)];
        LinkFrame.WriteHeader(frame, new LinkHeader(LinkFrameKind.Data, Asks: true, pair.Mine, pair.Theirs, Ack: 2), key);
        net.A.Links.OnFrame(frame);
        Assert.Equal(1, net.A.Counts["relay.cluster.links.dropped reason=malformed"]);
        Assert.Equal(7, net.A.Links.LinkTo(net.B.Id)!.Kept);
    }

    [Fact]
    public void Frames_messages_and_bytes_are_counted()
    {
        using var net = LinkNet.Connected();
        var (frames, bytes) = (net.B.Counts["relay.cluster.links.frames direction=receive"], net.B.Counts["relay.cluster.links.io direction=receive"]);
        net.A.Send(net.B, "one");
        net.A.Send(net.B, "two");
        Assert.Equal(2, net.A.Counts["relay.cluster.links.messages direction=transmit"]);
        Assert.Equal(2, net.B.Counts["relay.cluster.links.messages direction=receive"]);
        Assert.Equal(frames + 2, net.B.Counts["relay.cluster.links.frames direction=receive"]);
        Assert.Equal(bytes + (2 * (36 + 9 + 4 + 3)), net.B.Counts["relay.cluster.links.io direction=receive"]);
        Assert.Equal(1, net.A.Counts["relay.cluster.links.sessions"]);
    }

    [Fact]
    public async Task Nothing_happens_after_the_end()
    {
        using var net = LinkNet.Connected();
        net.A.Send(net.B, "one");
        net.B.Loses = static _ => true;
        net.B.Send(net.A, "two");
        await net.A.Links.DisposeAsync();
        await net.A.Links.DisposeAsync();
        net.A.Sent.Clear();
        net.B.Loses = static _ => false;
        net.A.Links.SetPeers([net.B.Id]);
        net.A.Links.OnInboxRestored();
        net.Pass(5000);
        Assert.False(net.A.Send(net.B, "three"));
        Assert.Empty(net.A.Told);
        Assert.Empty(net.A.Sent);
    }

    [Fact]
    public void Links_are_started_once_and_before_anything_else()
    {
        using var net = new LinkNet();
        Assert.Throws<InvalidOperationException>(() => net.A.Links.Start(net.A));
        var links = new NodeLinks(net.A.Id, net.A, new LinkOptions(), net.Time, net.A.Logs);
        Assert.Throws<InvalidOperationException>(() => links.SetPeers([]));
        Assert.Throws<ArgumentException>(() => new NodeLinks(net.A.Id, net.A, new LinkOptions { MaxFrame = 1 }, net.Time, net.A.Logs));
        Assert.Throws<ArgumentException>(() => new NodeLinks(net.A.Id, net.A, new LinkOptions { Resend = TimeSpan.Zero }, net.Time, net.A.Logs));
    }

    // As b would ask, without its knowing.
    private static void Ask(LinkNet net, long ack)
    {
        var pair = net.B.Links.LinkTo(net.A.Id)!.Pair;
        var key = LinkFrame.Key(net.B.Id);
        var frame = new byte[LinkFrame.HeaderLength(key)];
        LinkFrame.WriteHeader(frame, new LinkHeader(LinkFrameKind.Data, Asks: true, pair.Mine, pair.Theirs, ack), key);
        net.A.Links.OnFrame(frame);
    }
}
