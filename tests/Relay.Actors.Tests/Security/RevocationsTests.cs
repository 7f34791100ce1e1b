using Relay.Actors.Cluster;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Kernel.TestKit;

namespace Relay.Actors.Tests.Security;

public sealed class RevocationsTests
{
    private readonly ManualTime _time = new();
    private readonly Revocations _revocations;

    public RevocationsTests() => _revocations = new Revocations(_time);

    private long Now => _time.GetUtcNow().ToUnixTimeSeconds();

    [Fact]
    public void A_token_is_revoked_by_its_id_whenever_it_was_issued()
    {
        Add(RevokedBy.Token, "t1");
        Assert.True(_revocations.Concern(Token("ann", id: "t1", issued: Now + 100)));
        Assert.False(_revocations.Concern(Token("ann", id: "t2")));
        Assert.False(_revocations.Concern(Token("t1")));
    }

    [Theory]
    [InlineData(RevokedBy.User)]
    [InlineData(RevokedBy.Session)]
    public void The_tokens_of_a_user_or_a_session_are_revoked_that_were_issued_until_then(RevokedBy by)
    {
        Add(by, "x");
        Principal Of(long issued) => by == RevokedBy.User ? Token("x", issued: issued) : Token("ann", session: "x", issued: issued);
        Assert.True(_revocations.Concern(Of(Now)));
        Assert.True(_revocations.Concern(Of(0)));
        Assert.False(_revocations.Concern(Of(Now + 1)));
        Assert.False(_revocations.Concern(Token("y", session: "y")));
    }

    [Fact]
    public void Keys_and_those_without_credentials_are_never_concerned()
    {
        Add(RevokedBy.User, "ann");
        Assert.False(_revocations.Concern(Token("ann") with { IsService = true }));
        Assert.False(_revocations.Concern(new Principal("ann", false)));
    }

    [Fact]
    public void Of_two_revocations_of_one_id_the_later_counts_in_whichever_order_they_come()
    {
        var (early, late) = (new Revocation(RevokedBy.User, "ann", Now, Now + 60), new Revocation(RevokedBy.User, "ann", Now + 10, Now + 70));
        foreach (var order in new[] { new[] { early, late }, [late, early], [late, early, late] })
        {
            var revocations = new Revocations(_time);
            Assert.All(order, one => Assert.True(revocations.TryTake(one)));
            Assert.Equal([late], revocations.All);
        }
    }

    [Fact]
    public void What_is_known_is_not_told_again_by_those_who_hear_it_and_changes_nothing()
    {
        var told = 0;
        _revocations.Added += _ => told++;
        Add(RevokedBy.User, "ann");
        var version = _revocations.Version;
        Assert.True(_revocations.TryTake(_revocations.All[0]));
        Assert.Equal((1, version), (told, _revocations.Version));
    }

    [Fact]
    public void An_entry_goes_when_its_tokens_have_ended()
    {
        _revocations.TryAdd(new Revocation(RevokedBy.Token, "t1", Now, Now + 60));
        _time.Advance(TimeSpan.FromSeconds(59));
        _revocations.Prune();
        Assert.Single(_revocations.All);
        _time.Advance(TimeSpan.FromSeconds(1));
        _revocations.Prune();
        Assert.Empty(_revocations.All);
    }

    [Fact]
    public void Beyond_the_bound_nothing_is_taken_and_nothing_forgotten()
    {
        for (var i = 0; i < Revocations.Most; i++)
        {
            Assert.True(_revocations.TryTake(new Revocation(RevokedBy.Token, "t" + i, Now, Now + 60)));
        }

        Assert.False(_revocations.TryAdd(new Revocation(RevokedBy.Token, "one more", Now, Now + 60)));
        Assert.True(_revocations.TryAdd(new Revocation(RevokedBy.Token, "t7", Now, Now + 61)));
        Assert.True(_revocations.Concern(Token("ann", id: "t0")));
    }

    [Fact]
    public void Nodes_understand_each_other()
    {
        Add(RevokedBy.Token, "täg");
        Add(RevokedBy.User, "ann");
        Add(RevokedBy.Session, "s");
        var other = new Revocations(_time);
        var reader = new WireReader(RevocationPeers.Write([.. _revocations.All]).Written);
        Assert.Equal((byte)NodeMessage.Revoked, reader.Byte());
        new RevocationPeers(other).Take(ref reader);
        Assert.True(reader.IsAtEnd);
        Assert.Equal(_revocations.All, other.All);
    }

    private void Add(RevokedBy by, string value) => Assert.True(_revocations.TryAdd(new Revocation(by, value, Now, Now + 3600)));

    private Principal Token(string subject, string? id = null, string? session = null, long? issued = null) =>
        new(subject, true) { TokenId = id, SessionId = session, IssuedAt = issued ?? Now };
}
