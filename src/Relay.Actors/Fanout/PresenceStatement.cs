using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Who is present on a channel through one node: to the channel's owner from that node's replica, and from the owner to the others. Either a change, or a part of all there are, which may be
/// too many for one message. Immutable.
/// </summary>
internal sealed record PresenceStatement
{
    /// <summary>Most members of one message: with the longest names about 3 MiB.</summary>
    public const int MostMembers = 5000;

    /// <summary>The node, by the name of its run.</summary>
    public required string Node { get; init; }

    /// <summary>All there are begins here: nothing said before counts any more once it is complete.</summary>
    public bool Begins { get; init; }

    /// <summary>And is complete with this.</summary>
    public bool Ends { get; init; }

    /// <summary>From a replica, where it begins: it wants to hear of the others from now on.</summary>
    public bool Watches { get; init; }

    /// <summary>From a replica, where it begins: other nodes with members as a former owner had said; null when it had not said so.</summary>
    public IReadOnlyList<string>? Others { get; init; }

    /// <summary>Present from now on.</summary>
    public IReadOnlyList<PresenceMember> Joined { get; init; } = [];

    /// <summary>Not present any more, before those that joined are.</summary>
    public IReadOnlyList<PresenceMember> Left { get; init; } = [];

    /// <summary>All members of several nodes, in as many statements as that takes: at least one.</summary>
    public static List<PresenceStatement> All(IEnumerable<(string Node, IReadOnlyCollection<PresenceMember> Members)> nodes)
    {
        var statements = new List<PresenceStatement>();
        foreach (var (node, members) in nodes)
        {
            statements.AddRange(members.Chunk(MostMembers).Select(chunk => new PresenceStatement { Node = node, Joined = chunk }));
        }

        if (statements.Count == 0)
        {
            statements.Add(new PresenceStatement { Node = "" });
        }

        statements[0] = statements[0] with { Begins = true };
        statements[^1] = statements[^1] with { Ends = true };
        return statements;
    }
}

/// <summary>To a channel's owner: who is present through a replica.</summary>
internal sealed record PresenceReport(IActorRef Replica, PresenceStatement Statement);

/// <summary>To a replica that watches: who is present on other nodes.</summary>
internal sealed record PresenceNews(PresenceStatement Statement);

/// <summary>Asks a channel's owner who is present on other nodes than that of the sender, which does not watch; answered with <see cref="PresentElsewhereReply"/>.</summary>
internal sealed record PresentElsewhere
{
    /// <summary>Given back.</summary>
    public object? Tag { get; init; }
}

/// <summary>The answer.</summary>
/// <param name="Query">What was asked.</param>
/// <param name="Members">At most so many as are listed at once.</param>
/// <param name="Count">All there are.</param>
/// <param name="Users">Distinct users among them.</param>
internal sealed record PresentElsewhereReply(PresentElsewhere Query, IReadOnlyList<PresenceMember> Members, int Count, int Users)
{
    /// <summary>Why there is no answer now, for people; null when there is.</summary>
    public string? Refusal { get; init; }
}
