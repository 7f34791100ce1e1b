using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class ChannelStateTests
{
    private const long Second = 1_000_000;

    private static readonly NamespaceSettings Small = new()
    {
        HistoryLength = 5,
        HistoryAge = TimeSpan.FromSeconds(100),
        DedupeWindow = TimeSpan.FromSeconds(50),
        DedupeIds = 3,
    };

    [Fact]
    public void Offsets_count_up_by_one_from_one_within_the_epoch()
    {
        var state = New();
        for (var i = 1; i <= 20; i++)
        {
            Assert.Equal(new StreamPosition(Make.Epoch, i), Publish(state, i).Position);
        }

        Assert.Equal(new StreamPosition(Make.Epoch, 20), state.Position);
        Assert.Equal(5, state.HistoryCount);
    }

    [Fact]
    public void What_another_owner_added_behind_the_position_that_was_read_is_not_shown_before_it_is_taken_over()
    {
        var records = Enumerable.Range(1, 9).Select(static n => Make.Event(n)).ToList();
        var keyed = new Publication { Channel = "topics/x", Event = "e", Key = "k", Position = new StreamPosition(Make.Epoch, 8), TimestampMicros = 0 };
        var state = new ChannelState("topics/x", new NamespaceSettings { KeyedValues = 5 }, new StreamPosition(Make.Epoch, 6), records, [], [keyed]);
        Assert.Equal(6, state.HistoryCount);
        Assert.Equal(0, state.KeptKeys);
        var page = HistoryAnswer.Of(new HistoryQuery { Resume = new StreamPosition(Make.Epoch, 3), Page = new PageBounds(100, 1000) }, state, 0);
        Assert.Equal([4, 5, 6], page.Events.Select(static one => one.Position.Offset));
        Assert.Equal((state.Position, true), (page.Reached, page.Complete));
    }

    [Fact]
    public void A_transient_event_has_no_place_and_is_not_stored()
    {
        var state = New();
        var one = state.Accept(new PublishItem { Event = "typing", Transient = true, IdempotencyKey = "k" }, "", 0, out var outcome)!;
        var two = state.Accept(new PublishItem { Event = "typing", Transient = true, IdempotencyKey = "k" }, "", 0, out _)!;
        Assert.True(one.IsTransient);
        Assert.NotEqual(one.MessageId, two.MessageId);
        Assert.Equal(new PublishOutcome(new StreamPosition(Make.Epoch, 0), false), outcome);
        Assert.Equal((0, 0, 0L), (state.HistoryCount, state.KnownIds, state.Offset));
    }

    [Fact]
    public void Everything_of_the_item_is_in_the_event()
    {
        var item = new PublishItem
        {
            Event = "e", Data = new byte[] { 1 }, IdempotencyKey = "i", Key = "k", TtlMilliseconds = 7, Raw = new byte[] { 2 }, RawFormat = RawFormat.Hooks, ExcludedConnection = 9,
        };
        var made = New().Accept(item, "", 5, out _)!;
        Assert.Equal(("topics/x", "e", "i", "k", RawFormat.Hooks, 9L), (made.Channel, made.Event, made.IdempotencyKey, made.Key, made.RawFormat, made.ExcludedConnection));
        Assert.Equal((5L, 7005L), (made.TimestampMicros, made.ExpiresMicros));
        Assert.Equal((item.Data, item.Raw), (made.Data, made.Raw));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue / 1000)]
    public void A_time_to_live_beyond_the_clock_never_ends_instead_of_ending_at_once(long ttl)
    {
        var state = New();
        state.Accept(new PublishItem { Event = "e", TtlMilliseconds = ttl }, "", 1_800_000_000 * Second, out _);
        Assert.Single(state.Last(10, 1_800_000_001 * Second));
    }

    [Fact]
    public void Expired_events_are_left_out_and_do_not_break_a_resume()
    {
        var state = New();
        Publish(state, 0);
        state.Accept(new PublishItem { Event = "e", TtlMilliseconds = 1000 }, "", 0, out _);
        Publish(state, 0);
        Assert.Equal([1, 2, 3], Offsets(state.Last(10, Second - 1)));
        Assert.Equal([1, 3], Offsets(state.Last(10, Second)));
        Assert.True(state.TryResume(new StreamPosition(Make.Epoch, 0), 10, Second, out var missed));
        Assert.Equal([1, 3], Offsets(missed));
    }

    [Theory]
    [InlineData(10, true, new long[] { })]
    [InlineData(9, true, new long[] { 10 })]
    [InlineData(5, true, new long[] { 6, 7, 8, 9, 10 })]
    [InlineData(4, false, new long[] { })]
    [InlineData(0, false, new long[] { })]
    [InlineData(11, false, new long[] { })]
    [InlineData(-1, false, new long[] { })]
    [InlineData(long.MaxValue, false, new long[] { })]
    [InlineData(long.MinValue, false, new long[] { })]
    public void A_resume_gives_exactly_what_was_missed_or_nothing(long since, bool recovered, long[] missed)
    {
        var state = New();
        for (var i = 0; i < 10; i++)
        {
            Publish(state, i);
        }

        Assert.Equal(recovered, state.TryResume(new StreamPosition(Make.Epoch, since), 1000, 10, out var events));
        Assert.Equal(missed, Offsets(events));
    }

    [Fact]
    public void A_forged_epoch_or_more_than_the_limit_is_not_recovered()
    {
        var state = New();
        Publish(state, 0);
        Publish(state, 0);
        Assert.False(state.TryResume(new StreamPosition(new Epoch(78), 1), 10, 0, out _));
        Assert.False(state.TryResume(default, 10, 0, out _));
        Assert.False(state.TryResume(new StreamPosition(Make.Epoch, 0), 1, 0, out var events));
        Assert.Empty(events);
        Assert.True(state.TryResume(new StreamPosition(Make.Epoch, 0), 2, 0, out _));
    }

    [Fact]
    public void A_channel_without_history_recovers_only_who_missed_nothing()
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { HistoryLength = 0 });
        Publish(state, 0);
        Assert.True(state.TryResume(new StreamPosition(Make.Epoch, 1), 10, 0, out _));
        Assert.False(state.TryResume(new StreamPosition(Make.Epoch, 0), 10, 0, out _));
        Assert.Empty(state.Last(10, 0));
        Assert.Empty(state.After(0, 10, 0));
    }

    [Fact]
    public void History_is_pruned_by_age()
    {
        var state = New();
        Publish(state, 0);
        Publish(state, 60 * Second);
        Assert.Equal([1, 2], Offsets(state.Last(10, 100 * Second)));
        Assert.Equal([2], Offsets(state.Last(10, (100 * Second) + 1)));
        Assert.False(state.TryResume(new StreamPosition(Make.Epoch, 0), 10, (100 * Second) + 1, out _));
        Assert.False(state.Prune(160 * Second));
        Assert.True(state.Prune((160 * Second) + 1));
        Assert.Equal(2, state.Offset);
    }

    [Fact]
    public void A_repeated_publish_id_is_accepted_once()
    {
        var state = New();
        Assert.NotNull(Accept(state, "a", "id", 0, out var first));
        Assert.Null(Accept(state, "a", "id", 49 * Second, out var second));
        Assert.Equal(new PublishOutcome(first.Position, true), second);
        Assert.Equal(1, state.Offset);
    }

    [Fact]
    public void Publish_ids_are_forgotten_after_the_window_and_beyond_the_number()
    {
        var state = New();
        Accept(state, "a", "id", 0, out _);
        Assert.NotNull(Accept(state, "a", "id", 50 * Second, out _));
        foreach (var id in new[] { "x", "y", "z" })
        {
            Accept(state, "a", id, 51 * Second, out _);
        }

        Assert.Equal(3, state.KnownIds);
        Assert.NotNull(Accept(state, "a", "id", 52 * Second, out _));
        Assert.Null(Accept(state, "a", "z", 52 * Second, out _));
    }

    [Fact]
    public void Nobody_hides_another_ones_publish_by_its_id()
    {
        var state = New();
        Assert.NotNull(Accept(state, "a", "id", 0, out _));
        Assert.NotNull(Accept(state, "b", "id", 0, out _));
        Assert.NotNull(Accept(state, "", "id", 0, out _));
        Assert.Null(Accept(state, "b", "id", 0, out _));
    }

    [Fact]
    public void Without_a_window_every_publish_is_accepted()
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { DedupeIds = 0 });
        Assert.NotNull(Accept(state, "a", "id", 0, out _));
        Assert.NotNull(Accept(state, "a", "id", 0, out _));
    }

    [Fact]
    public void The_newest_that_match_a_name_come_oldest_first()
    {
        var state = New();
        foreach (var name in new[] { "a", "b", "a", "b", "a" })
        {
            state.Accept(new PublishItem { Event = name }, "", 0, out _);
        }

        Assert.Equal([3, 5], Offsets(state.Last(2, static name => name == "a", 0)));
        Assert.Equal([2, 4], Offsets(state.Last(9, static name => name == "b", 0)));
        Assert.Empty(state.Last(0, 0));
        Assert.Empty(state.Last(-1, 0));
        Assert.Equal([4, 5], Offsets(state.After(3, 10, 0)));
        Assert.Equal([4], Offsets(state.After(3, 1, 0)));
        Assert.Equal([1, 2], Offsets(state.After(-5, 2, 0)));
        Assert.Empty(state.After(99, 10, 0));
        Assert.Empty(state.After(long.MaxValue, 10, 0));
    }

    [Fact]
    public void It_agrees_with_a_naive_model_over_random_runs()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            Compare(new Random(seed), seed);
        }
    }

    private static void Compare(Random random, int seed)
    {
        var settings = new NamespaceSettings
        {
            HistoryLength = random.Next(0, 12),
            HistoryAge = TimeSpan.FromSeconds(random.Next(1, 30)),
            DedupeWindow = TimeSpan.FromSeconds(random.Next(1, 30)),
            DedupeIds = random.Next(0, 6),
        };
        var state = new ChannelState("topics/x", Make.Epoch, settings);
        var all = new List<Publication>();
        var ids = new List<(string Scope, string Id, long At, long Offset)>();
        long now = 0;
        for (var step = 0; step < 120; step++)
        {
            now += random.Next(3) == 0 ? random.Next(0, 8) * Second : 0;
            ids.RemoveAll(id => now - id.At >= (long)settings.DedupeWindow.TotalMicroseconds);
            if (random.Next(2) == 0)
            {
                var (scope, id) = (random.Next(2) == 0 ? "a" : "b", random.Next(2) == 0 ? null : "k" + random.Next(5));
                var known = ids.FindIndex(one => one.Scope == scope && one.Id == id);
                var item = new PublishItem { Event = "e", IdempotencyKey = id, TtlMilliseconds = random.Next(4) == 0 ? 5000 : 0 };
                var made = state.Accept(item, scope, now, out var outcome);
                Assert.Equal(known >= 0, outcome.Duplicate);
                Assert.Equal(known >= 0 ? ids[known].Offset : all.Count + 1, outcome.Position.Offset);
                if (made is not null)
                {
                    all.Add(made);
                    Remember(ids, settings.DedupeIds, scope, id, now, all.Count);
                }
            }
            else
            {
                Ask(random, state, all, settings, now, seed);
            }
        }
    }

    private static void Remember(List<(string Scope, string Id, long At, long Offset)> ids, int capacity, string scope, string? id, long now, long offset)
    {
        if (id is null || capacity == 0)
        {
            return;
        }

        if (ids.Count == capacity)
        {
            ids.RemoveAt(0);
        }

        ids.Add((scope, id, now, offset));
    }

    private static void Ask(Random random, ChannelState state, List<Publication> all, NamespaceSettings settings, long now, int seed)
    {
        var kept = all.TakeLast(settings.HistoryLength).Where(one => one.TimestampMicros >= now - (long)settings.HistoryAge.TotalMicroseconds).ToList();
        var alive = kept.Where(one => one.ExpiresMicros == 0 || one.ExpiresMicros > now).ToList();
        var since = random.Next(-1, all.Count + 3);
        var limit = random.Next(0, 15);
        var missing = all.Count - since;
        var recoverable = since >= 0 && missing >= 0 && missing <= kept.Count && missing <= limit;
        Assert.True(recoverable == state.TryResume(new StreamPosition(Make.Epoch, since), limit, now, out var events), $"seed {seed}: since {since} of {all.Count}");
        Assert.Equal(recoverable ? Told(alive.Where(one => one.Position.Offset > since)) : [], Told(events));
        Assert.Equal(Told(alive.TakeLast(limit)), Told(state.Last(limit, now)));
        Assert.Equal(Told(kept.Where(one => one.Position.Offset > since).Take(limit).Intersect(alive)), Told(state.After(since, limit, now)));
    }

    private static IEnumerable<(StreamPosition, long, long)> Told(IEnumerable<Publication> events) => events.Select(static one => (one.Position, one.TimestampMicros, one.ExpiresMicros));

    private static ChannelState New() => new("topics/x", Make.Epoch, Small);

    private static Publication Publish(ChannelState state, long now) => state.Accept(new PublishItem { Event = "e" }, "", now, out _)!;

    private static Publication? Accept(ChannelState state, string scope, string id, long now, out PublishOutcome outcome) =>
        state.Accept(new PublishItem { Event = "e", IdempotencyKey = id }, scope, now, out outcome);

    private static IEnumerable<long> Offsets(List<Publication> events) => events.Select(static one => one.Position.Offset);
}
