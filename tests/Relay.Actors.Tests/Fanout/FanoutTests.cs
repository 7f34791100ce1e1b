using System.Text.RegularExpressions;
using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary><see cref="SubscriberSet"/>, <see cref="FanoutLoop"/> and <see cref="FrameBatch"/>: who gets which bytes.</summary>
public sealed class FanoutTests : IDisposable
{
    private readonly TurnContext _turns = new();
    private readonly SynchronizationContext? _before = SynchronizationContext.Current;
    private readonly SubscriberSet _set = new();
    private readonly List<(FakeClient Reader, Subscription Subscription)> _members = [];

    public FanoutTests() => SynchronizationContext.SetSynchronizationContext(_turns);

    public void Dispose() => SynchronizationContext.SetSynchronizationContext(_before);

    [Fact]
    public void Members_are_counted_by_dialect_and_removed_once()
    {
        var members = Enumerable.Range(0, 50).Select(i => Add(i % 2 == 0 ? DialectKind.Context : DialectKind.Relay, deflate: i % 4 < 2)).ToList();
        Assert.Equal((50, 25, 25, 0), (_set.Count, _set.CountOf(DialectKind.Context), _set.CountOf(DialectKind.Relay), _set.CountOf(DialectKind.Hooks)));
        var random = new Random(1);
        foreach (var member in members.OrderBy(_ => random.Next()).Take(49).ToList())
        {
            var version = _set.Version;
            Assert.True(_set.Remove(member));
            Assert.NotEqual(version, _set.Version);
            Assert.False(_set.Remove(member));
            members.Remove(member);
            var left = Enumerable.Range(0, WireEncoding.MaxSlots).SelectMany(slot => _set.InSlot(slot).ToArray()).ToHashSet();
            Assert.Equal(members.ToHashSet(), left);
        }

        Assert.Same(members[0], Assert.Single(_set.Of(members[0].Client.Kind)));
    }

    [Fact]
    public void Everyone_gets_every_event_in_order_in_its_own_words()
    {
        foreach (var kind in new[] { DialectKind.Context, DialectKind.Hooks, DialectKind.Projects, DialectKind.Updates, DialectKind.WebUi, DialectKind.Relay })
        {
            Add(kind);
            Add(kind, deflate: true);
        }

        Send(Make.Event(1, data: "1"), Make.Event(2, data: "\"" + new string('y', 1000) + "\""), Make.Event(3, data: "3"));
        foreach (var (reader, _) in _members)
        {
            var frames = reader.TakeAll();
            Assert.Equal(3, frames.Count);
            Assert.All(frames.Zip(["1", "yyy", "3"]), static pair => Assert.Contains(pair.Second, pair.First));
        }

        Assert.All(_members.Chunk(2), static pair => Assert.True(pair[1].Reader.Transport.Bytes.Length < pair[0].Reader.Transport.Bytes.Length));
    }

    [Fact]
    public void One_system_call_serves_one_member_for_a_whole_batch()
    {
        Add(DialectKind.Relay);
        Send([.. Enumerable.Range(1, 100).Select(static i => Make.Event(i))]);
        Assert.Equal(1, _members[0].Reader.Transport.Sends);
        Assert.Equal(100, _members[0].Reader.TakeAll().Count);
    }

    [Fact]
    public void Filters_and_exclusions_select_for_each_member()
    {
        Add(DialectKind.Relay);
        Add(DialectKind.Relay, filter: EventFilter.Of("a", "c.*"));
        Add(DialectKind.Relay, filter: EventFilter.Of("none"));
        Add(DialectKind.Relay, filter: EventFilter.Of("x", "*"));
        Send(Make.Event(1, "a"), Make.Event(2, "b"), Make.Event(3, "c.d", excluded: 2), Make.Event(4, "c.e"), Make.Event(5, "a", excluded: 1), Make.Event(6, "a"));
        Assert.Equal(["1 2 3 4 6", "1 4 5 6", "", "1 2 3 4 5 6"], _members.Select(static one => OffsetsOf(one.Reader)));
    }

    [Fact]
    public void A_single_member_is_served_with_its_filter()
    {
        var member = Add(DialectKind.Relay, filter: EventFilter.Of("a"));
        FanoutLoop.SendTo([Make.Event(1, "a"), Make.Event(2, "b"), Make.Event(3, "a", excluded: member.Client.Id)], member);
        Assert.Equal("1", OffsetsOf(_members[0].Reader));
    }

    [Fact]
    public void A_filter_set_from_outside_applies_to_the_next_event()
    {
        var member = Add(DialectKind.Relay);
        member.Filter = EventFilter.Of("a");
        Send(Make.Event(1, "b"));
        member.Filter = EventFilter.Of("*");
        Assert.Null(member.Filter);
        Send(Make.Event(2, "b"));
        Assert.Equal("2", OffsetsOf(_members[0].Reader));
    }

    [Fact]
    public void A_burst_is_cut_at_64_kilobytes_and_nothing_is_lost_at_the_cuts()
    {
        Add(DialectKind.Relay);
        Add(DialectKind.Relay, filter: EventFilter.Of("e"));
        var data = "\"" + new string('z', 10_000) + "\"";
        var events = Enumerable.Range(1, 40).Select(i => Make.Event(i, data: data)).ToArray();
        var batch = FrameBatch.Rent();
        var to = batch.Encode(events, 0, _members[0].Subscription.Client.Encoding, 1);
        Assert.InRange(batch.Bytes.Length, 64 * 1024, 64 * 1024 + 11_000);
        Assert.Equal(7, to);
        Assert.Equal((7, batch.Bytes.Length), (batch.Count, batch.Start(batch.Count)));
        Send(events);
        var all = string.Join(' ', Enumerable.Range(1, 40));
        Assert.Equal([all, all], _members.Select(static one => OffsetsOf(one.Reader)));
        Assert.Equal(6, _members[0].Reader.Transport.Sends);
    }

    [Fact]
    public void One_event_larger_than_a_batch_goes_whole()
    {
        Add(DialectKind.Relay);
        Send(Make.Event(1, data: "\"" + new string('z', 300_000) + "\""), Make.Event(2));
        Assert.Equal("1 2", OffsetsOf(_members[0].Reader));
    }

    [Fact]
    public void What_a_slow_member_waits_for_stays_right_while_the_buffer_is_used_again()
    {
        Add(DialectKind.Relay, room: 10);
        Add(DialectKind.Relay, room: 10);
        Add(DialectKind.Relay);
        for (var i = 1; i <= 50; i++)
        {
            Send(Make.Event(i, data: "\"" + new string((char)('a' + (i % 26)), 500) + "\""));
        }

        Run();
        _members[0].Reader.Transport.Open();
        _members[1].Reader.Transport.Open();
        Run();
        var expected = _members[2].Reader.Transport.Bytes;
        foreach (var (reader, _) in _members)
        {
            Run();
            Assert.Equal(expected, reader.Transport.Bytes);
        }
    }

    [Fact]
    public void A_batch_that_waits_for_many_exists_once()
    {
        var batch = FrameBatch.Rent();
        batch.Encode([Make.Event(1), Make.Event(2)], 0, Make.Client(1).Encoding, 1);
        var one = batch.Keep();
        Assert.Same(one, batch.Keep());
        Assert.Equal(batch.Bytes.ToArray(), one.Bytes);
        Assert.Equal([batch.Start(1), batch.Start(2)], one.Ends);
        Assert.Equal([0, 1, 1, 2], new[] { 0, 1, one.Start(1), one.Start(1) + 1 }.Select(one.FrameFrom));
        batch.Encode([Make.Event(3)], 0, Make.Client(1).Encoding, 1);
        Assert.NotSame(one, batch.Keep());
    }

    [Fact]
    public void Clients_that_missed_the_same_events_share_their_frames()
    {
        Publication[] missed = [Make.Event(1), Make.Event(2)];
        var encoding = Make.Client(1).Encoding;
        var batch = FrameBatch.Rent();
        batch.Encode(missed, 0, encoding, 1);
        var frames = batch.Keep();
        Assert.Equal(2, FrameBatch.Rent().Encode([.. missed], 0, encoding, 1));
        Assert.Same(frames, batch.Keep());

        // What follows them goes into the next batch; other events, and another encoding, have other frames.
        Assert.Equal(2, batch.Encode([.. missed, Make.Event(3)], 0, encoding, 1));
        Assert.Same(frames, batch.Keep());
        Assert.Equal(2, batch.Encode(missed, 1, encoding, 1));
        Assert.Equal(1, batch.Count);
        Assert.Contains("\"offset\":2", TextOf(batch), StringComparison.Ordinal);
        batch.Encode([missed[0], Make.Event(2, "other")], 0, encoding, 1);
        Assert.Contains("\"other\"", TextOf(batch), StringComparison.Ordinal);
        batch.Encode(missed, 0, Make.Client(1, DialectKind.Context).Encoding, 1);
        Assert.DoesNotContain("offset", TextOf(batch), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wide_audience_is_worth_the_better_compression_and_small_events_none()
    {
        var encoding = Make.Client(1, deflate: true).Encoding;
        var text = string.Join(' ', Enumerable.Range(0, 400).Select(static i => $"step {i * 7919 % 1000} of the plan is done"));
        var large = Make.Event(1, data: $"\"{text}\"");
        var batch = FrameBatch.Rent();
        batch.Encode([large], 0, encoding, 1);
        var narrow = batch.Bytes.Length;
        batch.Encode([large], 0, encoding, 1000);
        Assert.InRange(batch.Bytes.Length, 1, narrow - 1);
        Assert.InRange(narrow, 1, large.Data.Length - 1);
        batch.Encode([Make.Event(2)], 0, encoding, 1000);
        Assert.Equal(0x81, batch.Bytes[0]);
    }

    [Fact]
    public void Presence_lists_members_counts_beyond_the_list_and_tells_the_others_only()
    {
        var presence = new PresenceSet();
        var first = Add(DialectKind.Relay);
        var second = Add(DialectKind.Relay);
        presence.Join(first, 0);
        presence.Join(first, 0);
        Assert.Empty(_members[0].Reader.TakeAll());
        presence.Join(second, 0);
        Assert.StartsWith("{\"type\":\"join\"", Assert.Single(_members[0].Reader.TakeAll()));
        Assert.Empty(_members[1].Reader.TakeAll());
        presence.Leave(second, 0);
        presence.Leave(second, 0);
        Assert.StartsWith("{\"type\":\"leave\"", Assert.Single(_members[0].Reader.TakeAll()));
        for (var i = 0; i < 1100; i++)
        {
            presence.Join(new Subscription(Make.Client(1000 + i), "topics/x"), 0);
        }

        var list = presence.List("topics/x");
        Assert.Equal((1000, 1101, 0), (list.Members.Count, list.Count, list.Users));
    }

    private static string TextOf(FrameBatch batch) => System.Text.Encoding.UTF8.GetString(batch.Bytes);

    private static string OffsetsOf(FakeClient reader) =>
        string.Join(' ', reader.TakeAll().Select(static frame => Regex.Match(frame, "(?<=\"offset\":)[0-9]+", RegexOptions.None, TimeSpan.FromSeconds(1)).Value));

    private Subscription Add(DialectKind kind, bool deflate = false, EventFilter? filter = null, long room = long.MaxValue)
    {
        var transport = new FakeTransport { Room = room };
        var client = Make.Client(_members.Count + 1, kind, transport, deflate);
        var subscription = new Subscription(client, "topics/x") { Filter = filter };
        _members.Add((Make.Reader(client, transport), subscription));
        _set.Add(subscription);
        return subscription;
    }

    private void Run()
    {
        while (_turns.RunOne())
        {
        }
    }

    private void Send(params Publication[] events) => FanoutLoop.Send(events, _set);
}
