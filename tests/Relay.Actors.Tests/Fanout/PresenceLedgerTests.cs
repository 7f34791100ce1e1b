using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Who is present as one of several nodes knows it.</summary>
public sealed class PresenceLedgerTests
{
    private static readonly PresenceMember Ann = new("ws_a", "ann");
    private static readonly PresenceMember Bob = new("ws_b", "bob");
    private static readonly PresenceMember Cid = new("ws_c", null);

    private readonly PresenceLedger _ledger = new();
    private readonly List<(PresenceMember Member, bool Joined)> _told = [];

    [Fact]
    public void Own_members_are_reported_once_and_what_comes_to_nothing_is_not()
    {
        Assert.True(_ledger.Arrive(Ann));
        Assert.True(_ledger.Arrive(Bob));
        Assert.True(_ledger.Depart(Bob));
        var change = _ledger.TakeChange("n1")!;
        Assert.Equal(("n1", "ws_a", 0), (change.Node, change.Joined.Single().ClientId, change.Left.Count));
        Assert.Null(_ledger.TakeChange("n1"));
        _ledger.Depart(Ann);
        _ledger.Arrive(Ann);
        Assert.Null(_ledger.TakeChange("n1"));
        Assert.True(_ledger.Depart(Ann));
        Assert.Equal([Ann], _ledger.TakeChange("n1")!.Left);
        Assert.Equal(0, _ledger.Count);
    }

    [Fact]
    public void Who_comes_and_goes_elsewhere_is_told_and_counted_with_its_node()
    {
        _ledger.Arrive(Ann);
        Assert.True(ApplyAll(("n2", [Bob]), ("n3", [Cid])));
        Assert.Equal([(Bob, true), (Cid, true)], _told);
        Assert.Equal((3, 1), (_ledger.Count, _ledger.OwnCount));
        Assert.Equal(["n2", "n3"], _ledger.Others.Order());
        _told.Clear();
        Assert.False(Apply(new PresenceStatement { Node = "n3", Left = [Cid] }));
        Assert.Equal([(Cid, false)], _told);
        Assert.Equal(["n2"], _ledger.Others);
    }

    [Fact]
    public void A_member_that_goes_from_one_node_to_another_is_one_whichever_word_comes_first()
    {
        ApplyAll(("n2", [Ann]));
        _told.Clear();
        Apply(new PresenceStatement { Node = "n3", Joined = [Ann] });
        Apply(new PresenceStatement { Node = "n2", Left = [Ann] });
        Assert.Empty(_told);
        Assert.False(_ledger.Arrive(Ann));
        Apply(new PresenceStatement { Node = "n3", Left = [Ann] });
        Assert.Empty(_told);
        Assert.Equal(1, _ledger.Count);
        Assert.True(_ledger.Depart(Ann));
    }

    [Fact]
    public void A_new_owners_word_tells_only_the_difference_and_counts_when_it_is_complete()
    {
        _ledger.Arrive(Ann);
        ApplyAll(("n2", [Bob]), ("n3", [Cid]));
        _told.Clear();
        var dan = new PresenceMember("ws_d", null);
        var statements = PresenceStatement.All([("n2", [Bob, dan]), ("n4", [])]);
        Assert.False(Apply(statements[0] with { Ends = false }));
        Assert.Empty(_told);
        Assert.Equal(3, _ledger.Count);
        Assert.True(Apply(new PresenceStatement { Node = "n2", Ends = true }));
        Assert.Equal([(Cid, false), (dan, true)], _told);
        Assert.Equal(["n2"], _ledger.Others);
    }

    [Fact]
    public void What_nobody_watches_any_more_is_forgotten_and_told_to_nobody()
    {
        ApplyAll(("n2", [Bob]));
        _told.Clear();
        _ledger.Forget();
        Assert.Equal(0, _ledger.Count);
        Assert.Empty(_ledger.Others);
        Apply(new PresenceStatement { Node = "n2", Left = [Bob] });
        Assert.Empty(_told);
    }

    [Fact]
    public void More_members_than_one_message_holds_are_said_in_several()
    {
        var many = Enumerable.Range(0, (2 * PresenceStatement.MostMembers) + 1).Select(static n => new PresenceMember("ws_" + n, null)).ToArray();
        var statements = PresenceStatement.All([("n2", many), ("n3", [Ann])]);
        Assert.Equal([true, false, false, false], statements.Select(static one => one.Begins));
        Assert.Equal([false, false, false, true], statements.Select(static one => one.Ends));
        Assert.Equal([false, false, false, true], statements.Select(Apply));
        Assert.Equal(many.Length + 1, _ledger.Count);
        Assert.Equal(many.Length + 1, _told.Count);
    }

    private bool ApplyAll(params (string Node, PresenceMember[] Members)[] nodes) =>
        PresenceStatement.All(nodes.Select(static one => (one.Node, (IReadOnlyCollection<PresenceMember>)one.Members))).Select(Apply).ToList()[^1];

    private bool Apply(PresenceStatement statement) => _ledger.Apply(statement, _told);
}
