using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>How far a pattern's subscribers have got in each channel.</summary>
public sealed class PatternPlacesTests
{
    private readonly PatternPlaces _places = new(2);

    [Fact]
    public void Events_come_in_order_and_once_from_the_first_that_was_heard()
    {
        Assert.Equal(PatternStep.Next, Take(7));
        Assert.Equal(PatternStep.Next, Take(8));
        Assert.Equal(PatternStep.Known, Take(8));
        Assert.Equal(PatternStep.Known, Take(7));
        Assert.Equal(PatternStep.Passed, Take(6));
        Assert.Equal(PatternStep.Next, Take(9));
    }

    [Fact]
    public void A_hole_and_another_life_of_the_channel_are_missing_events()
    {
        Take(7);
        Assert.Equal(PatternStep.Missing, Take(9));
        Assert.Equal(PatternStep.Missing, Take(8, new Epoch(5)));
        Assert.Equal(PatternStep.Next, Take(8));
    }

    [Fact]
    public void While_the_channel_is_asked_events_wait_and_the_last_of_them_is_remembered()
    {
        Take(7);
        _places.Take(Make.Event(9), out var place);
        place.Asked = new object();
        Assert.Equal(PatternStep.Known, Take(10));
        Assert.Equal(10, place.Seen!.Value.Offset);
        place.Asked = null;
        place.Reach(Make.Event(7).Position, Make.Event(10).Position);
        Assert.Equal(PatternStep.Next, Take(11));
    }

    [Fact]
    public void In_another_life_of_the_channel_the_first_is_another()
    {
        Take(7);
        _places.Take(Make.Event(7), out var place);
        var other = new Epoch(5);
        place.Reach(new StreamPosition(other, 2), new StreamPosition(other, 4));
        Assert.Equal(3, place.First);
        Assert.Equal(PatternStep.Known, Take(3, other));
        Assert.Equal(PatternStep.Passed, Take(2, other));
    }

    [Fact]
    public void The_channels_that_were_silent_for_longest_are_forgotten_those_that_are_asked_are_not()
    {
        Take(1, channel: "topics/a");
        _places.Take(Make.Event(1, channel: "topics/b"), out var asked);
        asked.Asked = new object();
        Take(1, channel: "topics/c");
        Take(1, channel: "topics/d");
        Take(1, channel: "topics/e");
        Assert.True(_places.Holds(asked));
        Assert.DoesNotContain("topics/a", _places.All.Select(static place => place.Channel));
        Assert.Equal(PatternStep.Known, Take(1, channel: "topics/d"));
        Assert.Equal(PatternStep.Next, Take(9, channel: "topics/a"));
    }

    private PatternStep Take(long offset, Epoch? epoch = null, string channel = "topics/x") => _places.Take(Make.Event(offset, epoch: epoch, channel: channel), out _);
}
