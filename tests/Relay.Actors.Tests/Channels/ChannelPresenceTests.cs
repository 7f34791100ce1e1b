using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Who is present on a channel as its owner knows it.</summary>
public sealed class ChannelPresenceTests : IAsyncLifetime
{
    private static readonly PresenceMember Ann = new("ws_a", "ann");
    private static readonly PresenceMember Bob = new("ws_b", "bob");

    private readonly TestKitSystem _kit = TestKitSystem.Deterministic();
    private readonly IActorRef _one;
    private readonly IActorRef _two;
    private readonly IActorRef _three;

    public ChannelPresenceTests()
    {
        _one = _kit.CreateProbe("one").Ref;
        _two = _kit.CreateProbe("two").Ref;
        _three = _kit.CreateProbe("three").Ref;
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public void What_a_replica_says_is_a_change_for_the_others_if_it_is_new()
    {
        var presence = new ChannelPresence(isComplete: true);
        Assert.Equal([Ann], presence.Take(_one, Whole("n1", null, Ann))!.Joined);
        Assert.Equal([Bob], presence.Take(_one, new PresenceStatement { Node = "n1", Joined = [Ann, Bob] })!.Joined);
        Assert.Null(presence.Take(_one, Whole("n1", null, Bob, Ann)));
        var change = presence.Take(_one, Whole("n1", null, Bob))!;
        Assert.Equal([Ann], change.Left);
        Assert.Empty(change.Joined);
        Assert.Null(presence.Take(_one, new PresenceStatement { Node = "n1", Left = [Ann] }));
        Assert.Equal([Bob], presence.Remove(_one)!.Left);
        Assert.True(presence.IsEmpty);
    }

    [Fact]
    public void Half_of_what_a_replica_has_changes_nothing_yet()
    {
        var presence = new ChannelPresence(isComplete: true);
        presence.Take(_one, Whole("n1", null, Ann));
        Assert.Null(presence.Take(_one, Whole("n1", null, Bob) with { Ends = false }));
        Assert.Equal([Ann], presence.Others(_two).SelectMany(static one => one.Joined));
        var change = presence.Take(_one, new PresenceStatement { Node = "n1", Ends = true })!;
        Assert.Equal((Bob, Ann), (change.Joined.Single(), change.Left.Single()));
    }

    [Fact]
    public void A_replica_that_watches_no_more_is_forgotten()
    {
        var presence = new ChannelPresence(isComplete: true);
        presence.Take(_one, Whole("n1", null, Ann));
        Assert.Equal([_one], presence.Watchers);
        Assert.Equal([Ann], presence.Take(_one, Whole("n1", null) with { Watches = false })!.Left);
        Assert.True(presence.IsEmpty);
    }

    [Fact]
    public void A_new_owner_is_complete_when_all_have_spoken_whom_the_former_one_knew_and_who_live()
    {
        var presence = new ChannelPresence(isComplete: false);
        Assert.False(presence.TryComplete(static _ => true));
        presence.Take(_three, Whole("n3", null));
        Assert.False(presence.TryComplete(static _ => true));
        presence.Take(_one, Whole("n1", ["n2", "dead"], Ann));
        Assert.False(presence.TryComplete(static node => node != "dead"));
        presence.Take(_two, Whole("n2", ["n1", "dead"], Bob) with { Ends = false });
        Assert.False(presence.TryComplete(static node => node != "dead"));
        presence.Take(_two, new PresenceStatement { Node = "n2", Ends = true });
        Assert.False(presence.TryComplete(static _ => true));
        Assert.True(presence.TryComplete(static node => node != "dead"));
    }

    [Fact]
    public void Who_has_no_members_any_more_is_not_waited_for_and_then_forgotten()
    {
        var presence = new ChannelPresence(isComplete: false);
        presence.Take(_one, Whole("n1", ["n2"], Ann));
        presence.Take(_two, Whole("n2", null) with { Watches = false });
        Assert.True(presence.TryComplete(static _ => true));
        Assert.Equal([_one], presence.Watchers);
        presence.Remove(_one);
        Assert.True(presence.IsEmpty);
    }

    [Fact]
    public void Members_behind_a_link_that_breaks_stay_until_their_replica_is_back_or_given_up()
    {
        var presence = new ChannelPresence(isComplete: true);
        presence.Take(_one, Whole("n1", null, Ann));
        presence.Take(_two, Whole("n2", null, Bob));
        presence.Lose(_two, 5);
        Assert.True(presence.IsLost(_two));
        Assert.Equal([_one], presence.Watchers);
        Assert.Empty(presence.GiveUp(static (_, _) => false));
        Assert.Equal([Bob], presence.Others(_one).SelectMany(static one => one.Joined));

        var cid = new PresenceMember("ws_c", null);
        var change = presence.Take(_three, Whole("n2", ["n1"], Bob, cid))!;
        Assert.Equal([cid], change.Joined);
        Assert.Empty(change.Left);
        Assert.False(presence.HasLost);

        presence.Lose(_three, 6);
        var given = Assert.Single(presence.GiveUp(static (node, since) => node == "n2" && since == 6));
        Assert.Equal([Bob, cid], given.Left);
        Assert.Equal("n2", given.Node);
    }

    [Fact]
    public void An_answer_lists_some_and_counts_all_but_those_of_the_askers_own_node()
    {
        var presence = new ChannelPresence(isComplete: true);
        presence.Take(_one, Whole("n1", null, Ann));
        presence.Take(_two, Whole("n2", null, Bob, new PresenceMember("ws_b2", "bob"), new PresenceMember("ws_d", null)));
        presence.Take(_three, Whole("n3", null, Bob));
        var answer = presence.Answer(new PresentElsewhere(), replica => replica == _one, mostListed: 2);
        Assert.Equal((2, 3, 1), (answer.Members.Count, answer.Count, answer.Users));
    }

    private static PresenceStatement Whole(string node, string[]? others, params PresenceMember[] members) =>
        new() { Node = node, Begins = true, Ends = true, Watches = true, Others = others, Joined = members };
}
