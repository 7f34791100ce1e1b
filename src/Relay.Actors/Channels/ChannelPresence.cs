using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// Who is present on a channel through each replica, as the channel's owner knows it. A new owner says nothing until the replicas that have members have come over to it, since whoever it left
/// out would seem to have gone; for the same reason the members of a replica whose link broke stay until it has had time to come back. Plain data.
/// </summary>
/// <param name="isComplete">Whether all who may be present will say so after this; otherwise some may have been present under another owner.</param>
internal sealed class ChannelPresence(bool isComplete)
{
    private readonly Dictionary<IActorRef, Part> _parts = new(ReferenceEqualityComparer.Instance);

    // Nodes that had members as others know it from the former owner; null while nobody has said what that one knew.
    private HashSet<string>? _expected;

    /// <summary>Whether what there is may be told.</summary>
    public bool IsComplete { get; private set; } = isComplete;

    public bool IsEmpty => _parts.Count == 0;

    /// <summary>Whether members are kept of replicas that are lost.</summary>
    public bool HasLost => _parts.Values.Any(static part => part.LostSince is not null);

    /// <summary>Replicas that are to be told of others' members.</summary>
    public IEnumerable<IActorRef> Watchers => _parts.Where(static part => part.Value.Watches).Select(static part => part.Key);

    /// <summary>A replica says who is present by it.</summary>
    /// <returns>What changes for the others; null when nothing does, or not yet.</returns>
    public PresenceStatement? Take(IActorRef replica, PresenceStatement statement)
    {
        if (!_parts.TryGetValue(replica, out var part))
        {
            _parts.Add(replica, part = new Part(statement.Node));
        }

        if (statement.Begins)
        {
            part.Incoming = [];
            part.Watches = statement.Watches;
            if (statement.Others is { } others)
            {
                (_expected ??= new HashSet<string>(StringComparer.Ordinal)).UnionWith(others);
            }
        }

        if (part.Incoming is not { } incoming)
        {
            return ChangeOf(part, [.. statement.Joined.Where(part.Members.Add)], [.. statement.Left.Where(part.Members.Remove)]);
        }

        incoming.UnionWith(statement.Joined);
        if (!statement.Ends)
        {
            return null;
        }

        foreach (var (former, lost) in _parts)
        {
            if (lost.LostSince is not null && lost.Node == part.Node)
            {
                _parts.Remove(former);
                part.Members.UnionWith(lost.Members);
            }
        }

        var change = ChangeOf(part, [.. incoming.Except(part.Members)], [.. part.Members.Except(incoming)]);
        (part.Members, part.Incoming, part.HasSpoken) = (incoming, null, true);
        if (!part.Watches && IsComplete)
        {
            _parts.Remove(replica);
        }

        return change;
    }

    /// <summary>A replica has gone, and all its members with it.</summary>
    /// <returns>What changes for the others; null when nothing does.</returns>
    public PresenceStatement? Remove(IActorRef replica) => _parts.Remove(replica, out var part) ? ChangeOf(part, [], [.. part.Members]) : null;

    /// <summary>The link to a replica broke; it may come back, as another one of the same node.</summary>
    public void Lose(IActorRef replica, long timestamp)
    {
        if (_parts.TryGetValue(replica, out var part) && part.Members.Count > 0)
        {
            (part.LostSince, part.Watches, part.Incoming) = (timestamp, false, null);
        }
    }

    /// <summary>Whether its members are kept although the link to it broke.</summary>
    public bool IsLost(IActorRef replica) => _parts.TryGetValue(replica, out var part) && part.LostSince is not null;

    /// <summary>Gives up replicas that are lost.</summary>
    /// <param name="isOver">By node and timestamp of the loss: whether nobody comes back any more.</param>
    /// <returns>What changes for the others.</returns>
    public List<PresenceStatement> GiveUp(Func<string, long, bool> isOver)
    {
        var changes = new List<PresenceStatement>();
        foreach (var (replica, part) in _parts)
        {
            if (part.LostSince is { } since && isOver(part.Node, since) && Remove(replica) is { } change)
            {
                changes.Add(change);
            }
        }

        return changes;
    }

    /// <summary>Completes if everybody has spoken who is known to have had members, and is still there.</summary>
    public bool TryComplete(Func<string, bool> isMember)
    {
        if (_expected is null || _expected.Any(node => !_parts.Values.Any(part => part.HasSpoken && part.Node == node) && isMember(node)))
        {
            return false;
        }

        Complete();
        return true;
    }

    /// <summary>Waits for nobody any more.</summary>
    public void Complete()
    {
        IsComplete = true;
        foreach (var (replica, part) in _parts)
        {
            if (part is { Watches: false, Incoming: null, LostSince: null })
            {
                _parts.Remove(replica);
            }
        }
    }

    /// <summary>All members of the other replicas.</summary>
    public List<PresenceStatement> Others(IActorRef replica) =>
        PresenceStatement.All(_parts.Where(part => part.Key != replica && part.Value.Members.Count > 0).Select(static part => (part.Value.Node, (IReadOnlyCollection<PresenceMember>)part.Value.Members)));

    /// <summary>The same for a replica that does not watch.</summary>
    /// <param name="query">Its question.</param>
    /// <param name="isOwn">Whether a replica is of the asker's own node.</param>
    /// <param name="mostListed">Most members in the answer.</param>
    public PresentElsewhereReply Answer(PresentElsewhere query, Func<IActorRef, bool> isOwn, int mostListed)
    {
        var members = new HashSet<PresenceMember>();
        foreach (var (replica, part) in _parts)
        {
            if (!isOwn(replica))
            {
                members.UnionWith(part.Members);
            }
        }

        var users = members.Where(static member => member.UserId is not null).Select(static member => member.UserId).Distinct(StringComparer.Ordinal).Count();
        return new PresentElsewhereReply(query, [.. members.Take(mostListed)], members.Count, users);
    }

    private static PresenceStatement? ChangeOf(Part part, PresenceMember[] joined, PresenceMember[] left) =>
        joined.Length + left.Length == 0 ? null : new PresenceStatement { Node = part.Node, Joined = joined, Left = left };

    private sealed class Part(string node)
    {
        public string Node => node;

        public bool Watches { get; set; }

        /// <summary>When the link to it broke; null while it is there.</summary>
        public long? LostSince { get; set; }

        /// <summary>Has said all it has, to this owner.</summary>
        public bool HasSpoken { get; set; }

        public HashSet<PresenceMember> Members { get; set; } = [];

        /// <summary>All it has, as far as it was said; null when nothing is half said.</summary>
        public HashSet<PresenceMember>? Incoming { get; set; }
    }
}
