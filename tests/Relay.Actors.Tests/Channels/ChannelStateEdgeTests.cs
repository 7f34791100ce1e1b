using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Edges of a channel's state that no other test of plain data stands on.</summary>
public sealed class ChannelStateEdgeTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void A_channel_is_unused_until_it_accepts_anything_and_transient_events_are_numbered()
    {
        var state = New();
        Assert.True(state.IsUnused);
        Assert.Equal([1L, 2L], new[] { Publish(state, 0, transient: true), Publish(state, 0, transient: true) }.Select(static one => one.TransientNumber));
        Assert.False(state.IsUnused);
        state = New();
        Assert.Equal(0, Publish(state, 0).TransientNumber);
        Assert.False(state.IsUnused);
    }

    [Fact]
    public void What_is_too_old_is_gone_whichever_way_it_is_asked_for()
    {
        Assert.Equal("2", Ask(static state => state.After(0, 10, 11 * Second)));
        Assert.Equal("2", Ask(static state => state.Last(10, 11 * Second)));
        Assert.Equal("2", Ask(static state => state.Last(10, static _ => true, 11 * Second)));
        Assert.Equal("False ", Ask(static state => (state.TryResume(new StreamPosition(Make.Epoch, 0), 10, 11 * Second, out var events), events)));
        Assert.Equal("False 2", Ask(static state => (state.TryRange(new StreamPosition(Make.Epoch, 0), 2, 10, 11 * Second, out var events), events)));
        Assert.Equal("False 2", Ask(static state => (state.TryReplay(0, 10, 11 * Second, out var events), events)));

        static string Ask(Func<ChannelState, object> ask)
        {
            var state = New();
            Publish(state, 0);
            Publish(state, 5 * Second);
            return ask(state) switch
            {
                List<Publication> events => Offsets(events),
                (bool complete, List<Publication> events) => $"{complete} {Offsets(events)}",
                _ => "",
            };
        }
    }

    [Fact]
    public void A_resume_of_exactly_the_limit_is_one()
    {
        var state = New();
        for (var i = 0; i < 5; i++)
            Publish(state, 0);

        Assert.True(state.TryResume(new StreamPosition(Make.Epoch, 3), 2, 0, out var events));
        Assert.Equal("4,5", Offsets(events));
        Assert.False(state.TryResume(new StreamPosition(Make.Epoch, 3), 1, 0, out _));
    }

    [Fact]
    public void A_channel_that_never_saw_a_key_has_no_values()
    {
        Assert.Empty(New().LastPerKey(0, 10, 0));
        Assert.Empty(New().LastOf("a", 0, 0));
    }

    private static ChannelState New() => new("topics/x", Make.Epoch, new NamespaceSettings { HistoryAge = TimeSpan.FromSeconds(10) });

    private static Publication Publish(ChannelState state, long now, bool transient = false) =>
        state.Accept(new PublishItem { Event = "e", Transient = transient }, "", now, out _)!;

    private static string Offsets(IEnumerable<Publication> events) => string.Join(',', events.Select(static one => one.Position.Offset));
}
