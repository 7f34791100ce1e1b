using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>Who is present, between nodes.</summary>
internal static class PresenceWire
{
    private const int Begins = 1;
    private const int Ends = 2;
    private const int Watches = 4;
    private const int HasOthers = 8;

    public static void Write(WireWriter writer, PresenceStatement statement)
    {
        writer.Byte((byte)((statement.Begins ? Begins : 0) | (statement.Ends ? Ends : 0) | (statement.Watches ? Watches : 0) | (statement.Others is null ? 0 : HasOthers))).Text(statement.Node);
        if (statement.Others is { } others)
        {
            writer.Count(others.Count);
            foreach (var node in others)
            {
                writer.Text(node);
            }
        }

        Write(writer, statement.Joined);
        Write(writer, statement.Left);
    }

    public static PresenceStatement Read(ref WireReader reader)
    {
        var flags = reader.Byte();
        var node = reader.Text();
        string[]? others = null;
        if ((flags & HasOthers) != 0)
        {
            others = new string[reader.CountOf(1)];
            for (var i = 0; i < others.Length; i++)
            {
                others[i] = reader.Text();
            }
        }

        return new PresenceStatement
        {
            Node = node,
            Begins = (flags & Begins) != 0,
            Ends = (flags & Ends) != 0,
            Watches = (flags & Watches) != 0,
            Others = others,
            Joined = ReadMembers(ref reader),
            Left = ReadMembers(ref reader),
        };
    }

    public static void Write(WireWriter writer, IReadOnlyList<PresenceMember> members)
    {
        writer.Count(members.Count);
        foreach (var member in members)
        {
            writer.Text(member.ClientId).TextOrNull(member.UserId);
        }
    }

    public static PresenceMember[] ReadMembers(ref WireReader reader)
    {
        var members = new PresenceMember[reader.CountOf(2)];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = new PresenceMember(reader.Text(), reader.TextOrNull());
        }

        return members;
    }
}
