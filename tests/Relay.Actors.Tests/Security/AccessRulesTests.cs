using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Tests.Security;

public sealed class AccessRulesTests
{
    private readonly FakeAuthenticator _authenticator = new() { IsRequired = true };
    private NamespaceSettings _settings = new();

    private AccessRules Rules => new(_ => _settings, _authenticator);

    [Theory]
    [InlineData("users/ann", true, true)]
    [InlineData("users/bob", false, false)]
    [InlineData("users/ann/x", false, false)]
    [InlineData("users", true, false)]
    [InlineData("agents/ann", true, true)]
    [InlineData("agents/bob", false, true)]
    [InlineData("topics/x", true, true)]
    [InlineData("global", true, true)]
    public void By_default_users_and_agents_hear_their_own_channels_and_only_services_write_to_users(string channel, bool hears, bool publishes)
    {
        var ann = Asker.Of(new Principal("ann", true));
        foreach (var right in new[] { ChannelRights.Subscribe, ChannelRights.History, ChannelRights.Presence })
        {
            Assert.Equal(hears, Rules.May(right, ann, channel));
        }

        Assert.Equal(publishes, Rules.May(ChannelRights.Publish, ann, channel));
        var service = Asker.Of(new Principal("ann", true) { IsService = true });
        Assert.True(Rules.May(ChannelRights.Subscribe, service, channel));
        Assert.True(Rules.May(ChannelRights.Publish, service, channel));
        Assert.False(Rules.May(ChannelRights.Subscribe, Asker.Of(Principal.Anonymous), channel));
    }

    [Fact]
    public void Where_credentials_are_needed_a_name_in_the_url_proves_nothing()
    {
        var ann = new Asker(new Principal("ann", true), true, AgentId: "bob", UserId: "bob");
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, "agents/bob"));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, "users/bob"));
        _authenticator.IsRequired = false;
        Assert.True(Rules.May(ChannelRights.Subscribe, new Asker(Principal.Anonymous, false, AgentId: "bob"), "agents/bob"));
        Assert.False(Rules.May(ChannelRights.Subscribe, new Asker(Principal.Anonymous, false, AgentId: "ann"), "agents/bob"));
    }

    [Theory]
    [InlineData(Access.Anyone, true, true, true, true)]
    [InlineData(Access.Authenticated, false, true, true, true)]
    [InlineData(Access.Own, false, false, true, true)]
    [InlineData(Access.Nobody, false, false, false, true)]
    public void A_namespace_may_say_who(Access access, bool anonymous, bool other, bool own, bool service)
    {
        _authenticator.IsRequired = false;
        _settings = new NamespaceSettings { Subscribe = access, Publish = access };
        foreach (var right in new[] { ChannelRights.Subscribe, ChannelRights.Publish, ChannelRights.History, ChannelRights.Presence })
        {
            Assert.Equal(anonymous, Rules.May(right, Asker.Of(Principal.Anonymous), "agents/ann"));
            Assert.Equal(other, Rules.May(right, Asker.Of(new Principal("bob", true)), "agents/ann"));
            Assert.Equal(own, Rules.May(right, Asker.Of(new Principal("ann", true)), "agents/ann"));
            Assert.Equal(service, Rules.May(right, Asker.Of(new Principal("key", true) { IsService = true }), "agents/ann"));
        }

        Assert.True(ChannelPattern.TryParse("agents/*", out var pattern));
        Assert.Equal(anonymous, Rules.May(ChannelRights.Subscribe, Asker.Of(Principal.Anonymous), pattern));
        Assert.Equal(other, Rules.May(ChannelRights.Subscribe, Asker.Of(new Principal("ann", true)), pattern));
        Assert.True(Rules.May(ChannelRights.Subscribe, Asker.Of(new Principal("key", true) { IsService = true }), pattern));
    }

    [Fact]
    public void History_and_presence_may_have_rules_of_their_own()
    {
        _settings = new NamespaceSettings { Subscribe = Access.Anyone, ReadHistory = Access.Nobody, SeePresence = Access.Own };
        var ann = Asker.Of(new Principal("ann", true) { SessionId = "s1" });
        Assert.True(Rules.May(ChannelRights.Subscribe, ann, "sessions/s1"));
        Assert.False(Rules.May(ChannelRights.History, ann, "sessions/s1"));
        Assert.True(Rules.May(ChannelRights.Presence, ann, "sessions/s1"));
        Assert.False(Rules.May(ChannelRights.Presence, ann, "sessions/s2"));
    }

    [Fact]
    public void A_token_that_names_channels_has_these_its_own_and_those_it_forces()
    {
        var ann = Asker.Of(new Principal("ann", true)
        {
            Grants = ChannelGrants.Create([("topics/deploy/**", ChannelRights.Subscribe), ("topics/in", ChannelRights.Publish)]),
            Forced = ["topics/news"],
        });
        Assert.True(Rules.May(ChannelRights.Subscribe, ann, "topics/deploy/x"));
        Assert.False(Rules.May(ChannelRights.History, ann, "topics/deploy/x"));
        Assert.False(Rules.May(ChannelRights.Publish, ann, "topics/deploy/x"));
        Assert.True(Rules.May(ChannelRights.Publish, ann, "topics/in"));
        Assert.True(Rules.May(ChannelRights.Subscribe, ann, "topics/news"));
        Assert.False(Rules.May(ChannelRights.History, ann, "topics/news"));
        Assert.True(Rules.May(ChannelRights.History, ann, "agents/ann"));
        Assert.False(Rules.May(ChannelRights.Publish, ann, "agents/ann"));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, "global"));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, "topics/other"));
    }

    [Fact]
    public void A_pattern_by_which_a_token_would_hear_of_other_channels_is_refused()
    {
        var ann = Asker.Of(new Principal("ann", true) { Grants = ChannelGrants.Create([("topics/deploy/**", ChannelRights.Read)]) });
        Assert.True(Rules.May(ChannelRights.Subscribe, ann, Pattern("topics/deploy/*")));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, Pattern("topics/*")));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, Pattern("topics/**")));
        Assert.False(Rules.May(ChannelRights.Subscribe, ann, Pattern("agents/**")));
        Assert.False(Rules.May(ChannelRights.Subscribe, Asker.Of(new Principal("ann", true)), Pattern("agents/*")));
        Assert.False(Rules.May(ChannelRights.Subscribe, Asker.Of(new Principal("ann", true)), Pattern("users/*")));
        Assert.True(Rules.May(ChannelRights.Subscribe, Asker.Of(new Principal("ann", true)), Pattern("topics/*")));
    }

    [Fact]
    public void What_a_credential_may_not_do_at_all_no_rule_gives_it()
    {
        var mute = Asker.Of(new Principal("key", true) { IsService = true, MayPublish = false });
        var deaf = Asker.Of(new Principal("key", true) { IsService = true, MaySubscribe = false });
        Assert.False(Rules.May(ChannelRights.Publish, mute, "topics/x"));
        Assert.True(Rules.May(ChannelRights.Subscribe, mute, "topics/x"));
        Assert.True(Rules.May(ChannelRights.Publish, deaf, "topics/x"));
        Assert.False(Rules.May(ChannelRights.Presence, deaf, "topics/x"));
    }

    private static ChannelPattern Pattern(string text) => ChannelPattern.TryParse(text, out var pattern) ? pattern : throw new ArgumentException("No pattern", nameof(text));
}
