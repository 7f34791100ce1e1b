using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Every way to ask for a channel's events: ten of them, event n at n milliseconds, of which five are left; keys a, b and c.</summary>
public sealed class HistoryAnswerTests
{
    private static readonly Epoch Foreign = new(78);
    private static readonly PageBounds Whole = new(256, 48 * 1024);

    [Theory]
    [InlineData(8, false, 100, true, 8, "9,10", 10)]
    [InlineData(8, true, 100, true, 8, "9,10", 10)]
    [InlineData(5, false, 100, true, 5, "6,7,8,9,10", 10)]
    [InlineData(4, false, 100, false, 10, "", 10)]
    [InlineData(11, false, 100, false, 10, "", 10)]
    [InlineData(4, true, 100, false, 10, "2,7,9", 10)]
    [InlineData(4, true, 2, false, 10, "2,7", 10)]
    [InlineData(10, true, 100, true, 10, "", 10)]
    public void A_resume_begins_behind_its_position_or_where_the_channel_stands_and_then_with_the_values_if_they_are_wanted(
        long since, bool lastPerKey, int limit, bool complete, long start, string offsets, long reached) =>
        AssertPage(new HistoryQuery { Resume = At(since), LastPerKey = lastPerKey, Limit = limit, Page = Whole }, complete, start, offsets, reached);

    [Theory]
    [InlineData(2, 100_000, "7,8", 8)]
    [InlineData(5, 1, "7", 7)]
    [InlineData(0, 100_000, "", 6)]
    public void A_page_of_a_resume_ends_at_its_bounds_and_nothing_is_missing_for_that(int events, int bytes, string offsets, long reached) =>
        AssertPage(new HistoryQuery { Resume = At(6), Page = new PageBounds(events, bytes) }, complete: true, 6, offsets, reached);

    [Fact]
    public void A_resume_of_another_life_is_none() =>
        AssertPage(new HistoryQuery { Resume = new StreamPosition(Foreign, 8), Page = Whole }, complete: false, 10, "", 10);

    [Theory]
    [InlineData(null, null, 100, true, "2,7,9")]
    [InlineData(null, null, 2, true, "2,7")]
    [InlineData(7L, null, 100, true, "9")]
    [InlineData(null, "a", 100, true, "7")]
    [InlineData(6L, "a", 100, true, "7")]
    [InlineData(7L, "a", 100, true, "")]
    [InlineData(null, "nobody", 100, true, "")]
    public void Values_are_those_behind_the_position_of_all_keys_or_of_one(long? after, string? key, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { LastPerKey = true, After = after is { } offset ? At(offset) : null, Key = key, Limit = limit }, complete, offsets);

    [Theory]
    [InlineData(null, "2,7,9")]
    [InlineData("a", "7")]
    public void Values_behind_a_position_of_another_life_are_all_of_them(string? key, string offsets) =>
        AssertAnswer(new HistoryQuery { LastPerKey = true, After = new StreamPosition(Foreign, 8), Key = key }, complete: false, offsets);

    [Theory]
    [InlineData(6000, 100, true, "6,7,8,9,10")]
    [InlineData(5000, 100, false, "6,7,8,9,10")]
    [InlineData(6000, 2, true, "6,7")]
    [InlineData(5000, 2, false, "6,7")]
    [InlineData(11000, 100, true, "")]
    public void By_time_it_is_the_first_page_of_what_came_since_then(long from, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { FromMicros = from, IsPage = true, Limit = limit }, complete, offsets);

    [Theory]
    [InlineData(8, 100, true, "9,10")]
    [InlineData(2, 100, false, "6,7,8,9,10")]
    [InlineData(2, 2, false, "6,7")]
    [InlineData(7, 2, false, "8,9")]
    public void Behind_a_position_it_is_what_is_left_and_whether_that_is_all(long after, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { After = At(after), Limit = limit }, complete, offsets);

    [Theory]
    [InlineData(8, null, 100, true, "9,10")]
    [InlineData(5, null, 2, true, "6,7")]
    [InlineData(2, null, 100, false, "6,7,8,9,10")]
    [InlineData(6, 8L, 100, true, "7,8")]
    [InlineData(6, 12L, 100, false, "7,8,9,10")]
    public void A_page_ends_at_its_limit_or_at_the_last_offset_wanted(long after, long? until, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { After = At(after), Until = until, IsPage = true, Limit = limit }, complete, offsets);

    [Theory]
    [InlineData(false, null, 100, "6,7,8,9,10")]
    [InlineData(false, null, 2, "9,10")]
    [InlineData(true, null, 2, "9,10")]
    [InlineData(true, 9L, 100, "")]
    public void Behind_a_position_of_another_life_the_newest_come_and_of_a_range_nothing(bool isPage, long? until, int limit, string offsets) =>
        AssertAnswer(new HistoryQuery { After = new StreamPosition(Foreign, 8), Until = until, IsPage = isPage, Limit = limit }, complete: false, offsets);

    [Fact]
    public void Otherwise_the_newest_come_all_or_those_of_some_names()
    {
        AssertAnswer(new HistoryQuery { Limit = 2 }, complete: true, "9,10");
        AssertAnswer(new HistoryQuery { Names = ["odd"] }, complete: true, "7,9");
        AssertAnswer(new HistoryQuery { Names = ["odd"], Limit = 1 }, complete: true, "9");
        AssertAnswer(new HistoryQuery { Names = ["odd", "even"], Limit = 3 }, complete: true, "8,9,10");
        AssertAnswer(new HistoryQuery { Names = ["ODD"] }, complete: true, "");
    }

    private static StreamPosition At(long offset) => new(Make.Epoch, offset);

    // Where the page begins, what is in it, and where the next one begins.
    private static void AssertPage(HistoryQuery query, bool complete, long start, string offsets, long reached)
    {
        var answer = AssertAnswer(query, complete, offsets);
        Assert.Equal((At(start), At(reached)), (answer.Start, answer.Reached));
    }

    private static HistoryReply AssertAnswer(HistoryQuery query, bool complete, string offsets)
    {
        var state = new ChannelState("topics/x", Make.Epoch, new NamespaceSettings { HistoryLength = 5 });
        for (var n = 1; n <= 10; n++)
        {
            var key = n switch { 1 or 7 => "a", 2 => "b", 9 => "c", _ => null };
            state.Accept(new PublishItem { Event = n % 2 == 0 ? "even" : "odd", Key = key }, "", n * 1000, out _);
        }

        var answer = HistoryAnswer.Of(query, state, 10_000);
        Assert.Same(query, answer.Query);
        Assert.Equal(At(10), answer.Position);
        Assert.Equal((complete, offsets), (answer.Complete, string.Join(',', answer.Events.Select(static one => one.Position.Offset))));
        return answer;
    }
}
