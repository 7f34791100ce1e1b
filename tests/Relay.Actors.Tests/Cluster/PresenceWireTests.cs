using Relay.Actors.Cluster;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>What nodes say to each other of who is present.</summary>
public sealed class PresenceWireTests
{
    [Theory]
    [InlineData(true, false, true, null)]
    [InlineData(false, true, false, "")]
    [InlineData(true, true, true, "n1#1,n2#2")]
    public void A_statement_comes_as_it_went(bool begins, bool ends, bool watches, string? others)
    {
        var statement = new PresenceStatement
        {
            Node = "n3#00000000000000aa",
            Begins = begins,
            Ends = ends,
            Watches = watches,
            Others = others?.Split(',', StringSplitOptions.RemoveEmptyEntries),
            Joined = [new PresenceMember("ws_1", "ann"), new PresenceMember("ws_2", null)],
            Left = [new PresenceMember("ws_3", "")],
        };
        var writer = new WireWriter();
        PresenceWire.Write(writer, statement);
        var reader = new WireReader(writer.Written);
        var read = PresenceWire.Read(ref reader);
        Assert.True(reader.IsAtEnd);
        Assert.Equal((statement.Node, begins, ends, watches), (read.Node, read.Begins, read.Ends, read.Watches));
        Assert.Equal(statement.Others, read.Others);
        Assert.Equal(statement.Joined, read.Joined);
        Assert.Equal(statement.Left, read.Left);
    }

    [Fact]
    public void A_question_and_its_answer_come_as_they_went()
    {
        var asked = new PresentElsewhere { Tag = new object() };
        var writer = new WireWriter();
        Assert.True(QuestionWire.TryWrite(writer, asked));
        var reader = new WireReader(writer.Written);
        var read = Assert.IsType<PresentElsewhere>(QuestionWire.Read(ref reader, "topics/x"));
        writer.Clear();
        Assert.True(QuestionWire.TryWriteAnswer(writer, new PresentElsewhereReply(read, [new PresenceMember("ws_1", "ann")], 7, 3) { Refusal = "no" }));
        reader = new WireReader(writer.Written);
        var answer = Assert.IsType<PresentElsewhereReply>(QuestionWire.ReadAnswer(ref reader, "topics/x", asked, ActorRefs.Nobody));
        Assert.Same(asked, answer.Query);
        Assert.Equal(("ws_1", 7, 3, "no"), (answer.Members.Single().ClientId, answer.Count, answer.Users, answer.Refusal));
    }
}
