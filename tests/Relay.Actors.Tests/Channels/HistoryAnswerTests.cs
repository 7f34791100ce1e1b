using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Every way to ask for a channel's events: ten of them, event n at n milliseconds, of which five are left; keys a, b and c.</summary>
public sealed class HistoryAnswerTests
{
    private static readonly Epoch Foreign = new(78);

    [Theory]
    [InlineData(8, false, 100, true, "9,10")]
    [InlineData(8, true, 100, true, "9,10")]
    [InlineData(8, false, 1, false, "")]
    [InlineData(2, false, 100, false, "")]
    [InlineData(2, true, 100, false, "2,7,9")]
    [InlineData(2, true, 2, false, "2,7")]
    [InlineData(10, true, 100, true, "")]
    public void A_resume_gives_all_that_was_missed_or_says_so_and_then_the_values_if_they_are_wanted(long since, bool lastPerKey, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { Resume = At(since), LastPerKey = lastPerKey, Limit = limit }, complete, offsets);

    [Fact]
    public void A_resume_of_another_life_is_none() => AssertAnswer(new HistoryQuery { Resume = new StreamPosition(Foreign, 8) }, complete: false, "");

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
    [InlineData(6000, false, 100, true, "6,7,8,9,10")]
    [InlineData(5000, false, 100, false, "6,7,8,9,10")]
    [InlineData(6000, false, 2, false, "9,10")]
    [InlineData(6000, true, 2, true, "6,7")]
    [InlineData(11000, false, 100, true, "")]
    public void By_time_it_is_what_came_since_then_the_newest_or_the_first_page(long from, bool isPage, int limit, bool complete, string offsets) =>
        AssertAnswer(new HistoryQuery { FromMicros = from, IsPage = isPage, Limit = limit }, complete, offsets);

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

    private static void AssertAnswer(HistoryQuery query, bool complete, string offsets)
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
    }
}
