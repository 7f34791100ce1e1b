using Relay.Actors.Cluster;
using Relay.Cluster;

namespace Relay.Actors.Tests.Cluster;

public sealed class ProbeLedgerTests
{
    private static readonly NodeId B = new("b", 2);
    private static readonly NodeId C = new("c", 3);
    private static readonly NodeId D = new("d", 4);

    private readonly ProbeLedger _ledger = new();
    private readonly Dictionary<NodeId, ProbedAs> _others = new() { [B] = ProbedAs.Serving, [C] = ProbedAs.Serving };

    [Fact]
    public void Who_answers_is_not_silent()
    {
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(default, Look() with { Reset = null! });
            _ledger.Answered(B);
            _ledger.Answered(C);
        }

        Assert.Empty(_ledger.Silent);
        Assert.Null(_ledger.Illness);
    }

    [Fact]
    public void A_node_that_nobody_answers_is_ill_after_five_seconds_subscribes_anew_every_five_and_heals_by_itself()
    {
        var remedies = Looks(18);
        Assert.Equal([6, 11, 16], Numbers(remedies, static one => one.Resubscribe));
        Assert.Equal("no answer through the shards of b, c for 17 s", _ledger.Illness);
        _ledger.Answered(B);
        Assert.Null(_ledger.Illness);
        _ledger.Answered(C);
        Assert.Empty(_ledger.Silent);
    }

    [Fact]
    public void One_silent_node_among_several_is_the_ill_one_itself()
    {
        for (var i = 0; i < 10; i++)
        {
            Look();
            _ledger.Answered(C);
        }

        Assert.Equal([B], _ledger.Silent);
        Assert.Null(_ledger.Illness);
    }

    [Fact]
    public void More_silent_nodes_than_others_make_this_one_ill()
    {
        _others[D] = ProbedAs.Serving;
        for (var i = 0; i < 10; i++)
        {
            Look();
            _ledger.Answered(D);
        }

        Assert.Contains("b, c", _ledger.Illness, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_that_brings_nothing_begins_anew_when_subscribing_did_not_help() =>
        Assert.Equal([12, 24], Numbers(Looks(26), static one => one.Reset.Count == 2));

    [Fact]
    public void A_member_without_a_link_is_silent_and_its_link_is_not_given_up_again()
    {
        _others[B] = _others[C] = ProbedAs.Unlinked;
        Assert.All(Looks(26), static one => Assert.Empty(one.Reset));
        Assert.Equal(2, _ledger.Silent.Count);
    }

    [Fact]
    public void Who_is_gone_or_serves_nothing_is_not_waited_for()
    {
        Looks(10);
        _others.Remove(B);
        _others[C] = ProbedAs.Idle;
        Look();
        Assert.Empty(_ledger.Silent);
        Assert.Null(_ledger.Illness);
    }

    [Fact]
    public void Who_is_silent_for_long_is_asked_less_often()
    {
        var asked = 0;
        for (var i = 0; i < 106; i++)
        {
            Look();
            asked += _ledger.IsDue(B) ? 1 : 0;
        }

        Assert.Equal(6 + 20, asked);
    }

    private ProbeRemedy Look() => _ledger.Look(_others);

    private List<ProbeRemedy> Looks(int count) => [.. Enumerable.Range(0, count).Select(_ => Look())];

    private static int[] Numbers(List<ProbeRemedy> remedies, Func<ProbeRemedy, bool> has) => [.. Enumerable.Range(0, remedies.Count).Where(i => has(remedies[i]))];
}
