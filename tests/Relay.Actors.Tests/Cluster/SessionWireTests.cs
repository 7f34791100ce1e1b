using Relay.Actors.Cluster;
using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Tests.Cluster;

public sealed class SessionWireTests
{
    [Fact]
    public void A_session_comes_over_as_it_was()
    {
        var record = new SessionRecord
        {
            Session = long.MaxValue, Token = "t", ClientId = "ws_1", Subject = "ann", IsService = true, AgentId = "a", IsAgent = true, WasAnnounced = true, ChatSession = "c",
            Subscriptions =
            [
                new SessionSubscription("topics/ä", false, PresenceWish.Users, EventFilter.Of("go.*", "x")),
                new SessionSubscription("topics/*", true, PresenceWish.None, null),
            ],
        };
        var writer = new WireWriter();
        SessionWire.Write(writer, record);
        SessionWire.Write(writer, record with { Token = null, AgentId = null, ChatSession = null, IsService = false, Subscriptions = [] });
        var reader = new WireReader(writer.Written);
        var read = SessionWire.Read(ref reader);
        Assert.Equal(record with { Subscriptions = read.Subscriptions }, read);
        Assert.Equal(["go.*", "x"], read.Subscriptions[0].Filter!.Patterns);
        Assert.Equal(record.Subscriptions[0] with { Filter = read.Subscriptions[0].Filter }, read.Subscriptions[0]);
        Assert.Equal(record.Subscriptions[1], read.Subscriptions[1]);
        var second = SessionWire.Read(ref reader);
        Assert.Equal((null, null, null, false, 0), (second.Token, second.AgentId, second.ChatSession, second.IsService, second.Subscriptions.Count));
        Assert.True(reader.IsAtEnd);
    }

    [Fact]
    public void The_question_for_a_session_says_who_wants_it()
    {
        var wanted = new SearchSession(7, "token", new Principal("ann", true) { IsService = true }, "a", 12);
        var writer = new WireWriter();
        SessionWire.Write(writer, wanted);
        var reader = new WireReader(writer.Written);
        Assert.Equal(wanted, SessionWire.ReadWanted(ref reader));
        Assert.True(reader.IsAtEnd);
    }
}
