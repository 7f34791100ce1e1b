using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Last values, versions, times and ranges of a channel, as plain data.</summary>
public sealed class KeyedChannelTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void The_newest_event_of_each_key_is_kept_in_the_order_of_offsets_whatever_the_history_forgets()
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { HistoryLength = 1, HistoryAge = TimeSpan.FromSeconds(1) });
        foreach (var key in new[] { "a", "b", null, "a", "c" })
            Publish(state, key, 0);

        Assert.Equal([2, 4, 5], Offsets(state.LastPerKey(0, 100, 3600 * Second)));
        Assert.Equal([4, 5], Offsets(state.LastPerKey(2, 100, 3600 * Second)));
        Assert.Equal([2], Offsets(state.LastPerKey(0, 1, 3600 * Second)));
        Assert.Equal([4], Offsets(state.LastOf("a", 0, 3600 * Second)));
        Assert.Empty(state.LastOf("a", 4, 0));
        Assert.Empty(state.LastOf("nobody", 0, 0));
        Assert.Empty(state.Last(10, 3600 * Second));
        Assert.False(state.Prune(long.MaxValue / 2));
    }

    [Fact]
    public void The_key_that_was_written_least_recently_is_forgotten_first_and_has_no_version_then()
    {
        var state = New(keys: 2);
        Publish(state, "a", 0);
        Publish(state, "b", 0);
        Publish(state, "a", 0);
        Publish(state, "c", 0);
        Assert.Equal([3, 4], Offsets(state.LastPerKey(0, 100, 0)));
        Assert.Null(Publish(state, "a", 0, ExpectedVersion.NoValue));
        Assert.NotNull(Publish(state, "b", 0, ExpectedVersion.NoValue));
    }

    [Fact]
    public void A_value_ends_with_its_time_to_live_and_its_key_is_free_again()
    {
        var state = New();
        state.Accept(new PublishItem { Event = "e", Key = "lock", TtlMilliseconds = 1000, IfVersion = ExpectedVersion.NoValue }, "", 0, out var first);
        Assert.Null(Publish(state, "lock", Second - 1, ExpectedVersion.NoValue));
        Assert.Null(Publish(state, "lock", Second, new ExpectedVersion(Make.Epoch, first.Position.Offset)));
        Assert.Empty(state.LastPerKey(0, 100, Second));
        Assert.NotNull(Publish(state, "lock", Second, ExpectedVersion.NoValue));
        Assert.Equal([2], Offsets(state.LastPerKey(0, 100, Second)));
    }

    [Fact]
    public void Expired_values_at_the_end_of_the_line_leave_the_memory()
    {
        var state = New();
        state.Accept(new PublishItem { Event = "e", Key = "a", TtlMilliseconds = 1000 }, "", 0, out _);
        Publish(state, "b", 0);
        state.Prune(Second - 1);
        Assert.Equal(2, state.KeptKeys);
        state.Prune(Second);
        Assert.Equal(1, state.KeptKeys);
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(77, 1, false)]
    [InlineData(77, 2, true)]
    [InlineData(0, 2, true)]
    [InlineData(0, 1, false)]
    [InlineData(78, 2, false)]
    [InlineData(77, 3, false)]
    public void A_versioned_publish_is_accepted_at_the_version_of_its_key_and_at_no_other(ulong epoch, long offset, bool accepted)
    {
        var state = New();
        Publish(state, "k", 0);
        Publish(state, "k", 0);
        Publish(state, "other", 0);
        var made = state.Accept(new PublishItem { Event = "e", Key = "k", IfVersion = new ExpectedVersion(new Epoch(epoch), offset) }, "", 0, out var outcome);
        Assert.Equal(accepted, made is not null);
        Assert.Equal(accepted ? null : ErrorCode.VersionMismatch, outcome.Error);
        Assert.Equal(new StreamPosition(Make.Epoch, accepted ? 4 : 2), outcome.Position);
        Assert.Equal(accepted ? 4 : 3, state.Offset);
    }

    [Fact]
    public void A_repeat_is_a_repeat_even_when_its_version_is_over()
    {
        var state = New();
        var item = new PublishItem { Event = "e", Key = "k", IdempotencyKey = "id", IfVersion = ExpectedVersion.NoValue };
        Assert.NotNull(state.Accept(item, "s", 0, out var first));
        Publish(state, "k", 0);
        Assert.Null(state.Accept(item, "s", 0, out var repeat));
        Assert.Equal(new PublishOutcome(first.Position, Duplicate: true), repeat);
        Assert.Null(state.Accept(item, "another", 0, out var other));
        Assert.Equal(ErrorCode.VersionMismatch, other.Error);
    }

    [Fact]
    public void What_was_refused_for_its_version_may_be_tried_again_under_its_id()
    {
        var state = New();
        var item = new PublishItem { Event = "e", Key = "k", IdempotencyKey = "id", IfVersion = new ExpectedVersion(default, 1) };
        Assert.Null(state.Accept(item, "", 0, out var refused));
        Assert.Equal(default, refused.Position);
        Publish(state, "k", 0);
        Assert.NotNull(state.Accept(item, "", 0, out var accepted));
        Assert.False(accepted.Duplicate);
    }

    [Fact]
    public void Where_no_values_are_kept_nothing_is_and_a_versioned_publish_is_refused_for_good()
    {
        var state = New(keys: 0);
        Publish(state, "k", 0);
        Assert.Equal((0, 1L), (state.KeptKeys, state.Offset));
        Assert.Null(state.Accept(new PublishItem { Event = "e", Key = "k", IfVersion = ExpectedVersion.NoValue }, "", 0, out var outcome));
        Assert.Equal(ErrorCode.InvalidMessage, outcome.Error);
        Assert.Contains("KeyedValues", outcome.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_version_that_is_not_stored_yet_counts_and_its_value_is_not_shown()
    {
        var state = new ChannelState("topics/x", new NamespaceSettings(), new StreamPosition(Make.Epoch, 0), [], []);
        var first = Publish(state, "k", 0)!;
        var second = Publish(state, "k", 0, new ExpectedVersion(Make.Epoch, 1))!;
        Assert.Empty(state.LastPerKey(0, 10, 0));
        state.Show(first);
        Assert.Equal([1], Offsets(state.LastPerKey(0, 10, 0)));
        Assert.Null(Publish(state, "k", 0, new ExpectedVersion(Make.Epoch, 1)));
        state.Show(second);
        Assert.NotNull(Publish(state, "k", 0, new ExpectedVersion(Make.Epoch, 2)));
    }

    [Fact]
    public void A_history_reaches_back_to_the_first_millisecond_of_the_channel_and_never_further()
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { HistoryLength = 2 }, nowMicros: 5500);
        Publish(state, null, 5600);
        Assert.True(state.TryReplay(5000, 10, 6000, out var all));
        Assert.Equal([1], Offsets(all));
        Assert.False(state.TryReplay(4999, 10, 6000, out _));
        Assert.True(state.TryReplay(7000, 10, 6000, out var none));
        Assert.Empty(none);
        Publish(state, null, 8000);
        Publish(state, null, 9000);
        Assert.False(state.TryReplay(5600, 10, 9000, out var left));
        Assert.Equal([2, 3], Offsets(left));
        Assert.True(state.TryReplay(5601, 10, 9000, out _));
        Assert.True(state.TryReplay(5601, 1, 9000, out var page));
        Assert.Equal([2], Offsets(page));
    }

    [Theory]
    [InlineData(1, 1, 999, false)]
    [InlineData(1, 1, 1000, true)]
    [InlineData(7, 5, 5000, false)]
    [InlineData(7, 5, 5001, true)]
    [InlineData(9, 0, 9000, false)]
    [InlineData(9, 0, 9001, true)]
    [InlineData(0, 0, 8999, false)]
    [InlineData(0, 0, 9000, true)]
    public void After_a_recovery_it_reaches_as_far_as_the_journals_window(long head, long first, long from, bool reaches)
    {
        var history = first == 0 ? [] : Enumerable.Range((int)first, (int)(head - first + 1)).Select(static i => Make.Event(i, at: 1000 * i));
        var state = new ChannelState("topics/x", new NamespaceSettings(), new StreamPosition(Make.Epoch, head), history, [], [], newestMicros: 9000);
        Assert.Equal(reaches, state.TryReplay(from, 100, 9000, out _));
    }

    [Fact]
    public void A_range_is_exactly_what_lies_in_it_or_says_that_it_is_not_all_there()
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { HistoryLength = 5 });
        for (var i = 1; i <= 10; i++)
            state.Accept(new PublishItem { Event = "e", TtlMilliseconds = i == 8 ? 1 : 0 }, "", 0, out _);

        Assert.Equal((true, "7,9"), Range(6, 9));
        Assert.Equal((true, "6,7,9,10"), Range(5, 10));
        Assert.Equal((false, "6"), Range(4, 6));
        Assert.Equal((false, "10"), Range(9, 11));
        Assert.Equal((true, ""), Range(7, 8));
        Assert.Equal((true, ""), Range(10, 10));
        Assert.Equal((false, ""), Range(11, 12));
        Assert.Equal((true, "7,9"), Range(6, 10, limit: 2));
        Assert.False(state.TryRange(new StreamPosition(new Epoch(78), 6), 9, 100, 1000, out var foreign));
        Assert.Empty(foreign);

        (bool Complete, string Offsets) Range(long since, long until, int limit = 100)
        {
            var complete = state.TryRange(new StreamPosition(Make.Epoch, since), until, limit, 1000, out var events);
            return (complete, string.Join(',', Offsets(events)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_agrees_with_a_naive_model_over_random_runs(bool storesLater)
    {
        for (var seed = 0; seed < 300; seed++)
            new Model(seed, storesLater).Run();
    }

    private static ChannelState New(int keys = 1000) => new("topics/x", Make.Epoch, new NamespaceSettings { KeyedValues = keys });

    private static Publication? Publish(ChannelState state, string? key, long now, ExpectedVersion? ifVersion = null) =>
        state.Accept(new PublishItem { Event = "e", Key = key, IfVersion = ifVersion }, "", now, out _);

    private static IEnumerable<(StreamPosition, string?, long)> Told(IEnumerable<Publication> events) => events.Select(static one => (one.Position, one.Key, one.TimestampMicros));

    private static IEnumerable<long> Offsets(List<Publication> events) => events.Select(static one => one.Position.Offset);

    /// <summary>Last values are a fold over what was shown; a version is what was accepted last.</summary>
    private sealed class Model
    {
        private readonly Random _random;
        private readonly int _seed;
        private readonly NamespaceSettings _settings;
        private readonly ChannelState _state;
        private readonly List<Publication> _shown = [];
        private readonly Queue<Publication> _waiting = new();
        private readonly bool _storesLater;
        private long _now = 10 * Second;

        public Model(int seed, bool storesLater)
        {
            _seed = seed;
            _random = new Random(seed);
            _storesLater = storesLater;
            _settings = new NamespaceSettings { HistoryLength = _random.Next(0, 12), HistoryAge = TimeSpan.FromSeconds(_random.Next(1, 30)), KeyedValues = _random.Next(1, 6) };
            _state = storesLater
                ? new ChannelState("topics/x", _settings, new StreamPosition(Make.Epoch, 0), [], [], newestMicros: _now)
                : new ChannelState("topics/x", Make.Epoch, _settings, _now);
        }

        public void Run()
        {
            for (var step = 0; step < 120; step++)
            {
                _now += _random.Next(3) == 0 ? _random.Next(0, 8) * Second : 0;
                switch (_random.Next(4))
                {
                    case 0 or 1:
                        Publish();
                        break;
                    case 2 when _waiting.TryDequeue(out var stored):
                        _state.Show(stored);
                        _shown.Add(stored);
                        break;
                    default:
                        AskForValues();
                        AskByTime();
                        AskForRange();
                        break;
                }
            }
        }

        private void Publish()
        {
            var key = _random.Next(4) == 0 ? null : "k" + _random.Next(8);
            var expected = key is null || _random.Next(2) == 0 ? null : Guess(key);
            var item = new PublishItem { Event = "e", Key = key, TtlMilliseconds = _random.Next(4) == 0 ? 5000 : 0, IfVersion = expected };
            var head = _state.Offset;
            var made = _state.Accept(item, "", _now, out var outcome);
            var version = key is null ? default : VersionOf(key);
            var met = expected is null || (expected.Offset == 0 ? version.Offset == 0 : version == new StreamPosition(Make.Epoch, expected.Offset));
            Assert.True(met == made is not null, $"seed {_seed}: {key} at {version.Offset}, expected {expected?.Offset}");
            Assert.Equal(met ? new StreamPosition(Make.Epoch, head + 1) : version, outcome.Position);
            if (made is not null && _storesLater)
                _waiting.Enqueue(made);
            else if (made is not null)
                _shown.Add(made);
        }

        private ExpectedVersion Guess(string key) => _random.Next(3) switch
        {
            0 => ExpectedVersion.NoValue,
            1 => new ExpectedVersion(_random.Next(2) == 0 ? default : Make.Epoch, Math.Max(1, VersionOf(key).Offset)),
            _ => new ExpectedVersion(default, _random.Next(1, 30)),
        };

        private StreamPosition VersionOf(string key)
        {
            var newest = _waiting.LastOrDefault(one => one.Key == key) ?? Values().Find(one => one.Key == key);
            return newest is not null && IsAlive(newest) ? newest.Position : default;
        }

        private List<Publication> Values() =>
            [.. _shown.Where(static one => one.Key is not null).GroupBy(static one => one.Key).Select(static key => key.Last()).OrderBy(static one => one.Position.Offset).TakeLast(_settings.KeyedValues)];

        private bool IsAlive(Publication one) => one.ExpiresMicros == 0 || one.ExpiresMicros > _now;

        private List<Publication> Kept() =>
            [.. _shown.TakeLast(_settings.HistoryLength).Where(one => one.TimestampMicros >= _now - (long)_settings.HistoryAge.TotalMicroseconds)];

        private void AskForValues()
        {
            var (offset, limit, key) = (_random.Next(0, _shown.Count + 2), _random.Next(1, 8), "k" + _random.Next(8));
            var alive = Values().Where(one => IsAlive(one) && one.Position.Offset > offset).ToList();
            Assert.Equal(Told(alive.Take(limit)), Told(_state.LastPerKey(offset, limit, _now)));
            Assert.Equal(Told(alive.Where(one => one.Key == key)), Told(_state.LastOf(key, offset, _now)));
        }

        private void AskByTime()
        {
            var (from, limit) = (_now - (_random.Next(-2, 40) * Second), _random.Next(1, 15));
            var young = Kept().Where(one => one.TimestampMicros >= from && IsAlive(one)).ToList();
            var gone = _shown.Except(Kept()).Select(static one => one.TimestampMicros).Append((10 * Second) - 1).Max();
            Assert.Equal(from > gone, _state.TryReplay(from, limit, _now, out var page));
            Assert.Equal(Told(young.Take(limit)), Told(page));
        }

        private void AskForRange()
        {
            var (since, limit) = (_random.Next(0, _shown.Count + 2), _random.Next(1, 15));
            var until = since + _random.Next(0, 10);
            var kept = Kept();
            var all = since <= _shown.Count && until <= _shown.Count && since >= _shown.Count - kept.Count;
            Assert.True(all == _state.TryRange(new StreamPosition(Make.Epoch, since), until, limit, _now, out var events), $"seed {_seed}: {since}-{until} of {_shown.Count}");
            Assert.Equal(Told(kept.Where(one => one.Position.Offset > since && one.Position.Offset <= until && IsAlive(one)).Take(limit)), Told(events));
        }
    }
}
