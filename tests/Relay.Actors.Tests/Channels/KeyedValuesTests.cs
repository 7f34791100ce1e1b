using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>The newest event of each key, as plain data.</summary>
public sealed class KeyedValuesTests
{
    private readonly KeyedValues _values = new(3);

    [Fact]
    public void A_key_that_is_written_again_moves_to_the_end_and_the_oldest_one_gives_its_place_up()
    {
        Show("a", 1);
        Show("b", 2);
        Show("c", 3);
        Show("a", 4);
        Assert.Equal((3, "2,3,4"), (_values.Count, After(0)));
        Show("d", 5);
        Assert.Equal((3, "3,4,5"), (_values.Count, After(0)));
        Assert.Equal(["", "3", "4", "5"], new[] { "b", "c", "a", "d" }.Select(key => Of(key)));
        Show("b", 6);
        Show("c", 7);
        Assert.Equal("5,6,7", After(0));
    }

    [Fact]
    public void Values_behind_an_offset_come_oldest_first_up_to_the_limit()
    {
        Assert.Equal("", After(0));
        Show("a", 1);
        Show("b", 5);
        Show("c", 9);
        Assert.Equal("1,5,9", After(0));
        Assert.Equal("5,9", After(1));
        Assert.Equal("5,9", After(4));
        Assert.Equal("9", After(5));
        Assert.Equal("", After(9));
        Assert.Equal("1,5", After(0, limit: 2));
        Assert.Equal("5", After(1, limit: 1));
        Assert.Equal("", After(0, limit: 0));
        Assert.Equal(["1", "", ""], new[] { Of("a", 0), Of("a", 1), Of("a", 2) });
    }

    [Fact]
    public void What_expired_is_no_value_and_does_not_count_towards_the_limit()
    {
        Show("a", 1, expires: 10);
        Show("b", 2);
        Show("c", 3, expires: 20);
        Assert.Equal("1,2,3", After(0, now: 9));
        Assert.Equal("2,3", After(0, now: 10));
        Assert.Equal("2,3", After(0, limit: 2, now: 10));
        Assert.Equal("2", After(0, now: 20));
        Assert.Equal(["1", ""], new[] { Of("a", now: 9), Of("a", now: 10) });
        Assert.Equal([1L, 0L], new[] { Version("a", now: 9), Version("a", now: 10) });
    }

    [Fact]
    public void Pruning_ends_at_the_first_that_is_alive()
    {
        Show("a", 1, expires: 10);
        Show("b", 2, expires: 10);
        Show("c", 3);
        _values.Prune(9);
        Assert.Equal(3, _values.Count);
        _values.Prune(10);
        Assert.Equal((1, "3"), (_values.Count, After(0)));
        Show("d", 4, expires: 10);
        _values.Prune(10);
        Assert.Equal(2, _values.Count);
        Show("c", 5, expires: 10);
        _values.Prune(10);
        Assert.Equal((0, ""), (_values.Count, After(0, now: 0)));
        Show("a", 6);
        Assert.Equal("6", Of("a"));
    }

    [Fact]
    public void What_is_accepted_counts_as_the_version_before_anybody_sees_it()
    {
        Assert.Equal(0, Version("a"));
        _values.Accept(Event("a", 1));
        Assert.Equal((1L, "", 0), (Version("a"), Of("a"), _values.Count));
        _values.Accept(Event("a", 2));
        Show("a", 1);
        Assert.Equal((2L, "1"), (Version("a"), Of("a")));
        Show("a", 2);
        Assert.Equal((2L, "2"), (Version("a"), Of("a")));
        Show("a", 3);
        Assert.Equal((3L, "3"), (Version("a"), Of("a")));
        Assert.Equal(0, Version("b"));
    }

    [Fact]
    public void An_accepted_event_that_expired_leaves_its_key_without_a_version()
    {
        Show("a", 1);
        _values.Accept(Event("a", 2, expires: 10));
        Assert.Equal([2L, 0L], new[] { Version("a", now: 9), Version("a", now: 10) });
    }

    [Fact]
    public void Keys_differ_by_case() => Assert.Equal((1L, 0L), (ShowAndVersion("a"), Version("A")));

    private static Publication Event(string key, long offset, long expires = 0) =>
        new() { Channel = "topics/x", Event = "e", Key = key, Position = new StreamPosition(Make.Epoch, offset), TimestampMicros = 0, ExpiresMicros = expires };

    private static string Offsets(List<Publication> events) => string.Join(',', events.Select(static one => one.Position.Offset));

    private void Show(string key, long offset, long expires = 0) => _values.Show(Event(key, offset, expires));

    private long ShowAndVersion(string key)
    {
        Show(key, 1);
        return Version(key);
    }

    private string Of(string key, long offset = 0, long now = 0) => Offsets(_values.Of(key, offset, now));

    private string After(long offset, int limit = 100, long now = 0) => Offsets(_values.After(offset, limit, now));

    private long Version(string key, long now = 0) => _values.VersionOf(key, now).Offset;
}
