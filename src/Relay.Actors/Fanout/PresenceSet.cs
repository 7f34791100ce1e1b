using System.Runtime.InteropServices;
using Relay.Actors.Metrics;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Who is present on a channel: native subscribers that asked for it (protocols.md, <c>relay</c>, "Presence"). Tells joins and leaves to the others on this node.
/// Owned by the channel's replica.
/// </summary>
/// <param name="ledger">Who is present on other nodes as well; null where there are none.</param>
/// <param name="traffic">Where they are counted.</param>
internal sealed class PresenceSet(PresenceLedger? ledger = null, NamespaceTraffic? traffic = null)
{
    /// <summary>Members listed in an answer; the counts go on beyond it.</summary>
    public const int MaxListed = 1000;

    private readonly Dictionary<long, Entry> _members = [];

    // Connections of each user, on all nodes.
    private readonly Dictionary<string, int> _users = new(StringComparer.Ordinal);

    public void Join(Subscription subscription, long nowMicros)
    {
        var entry = new Entry(subscription);
        if (!_members.TryAdd(subscription.Client.Id, entry))
        {
            // It subscribed again, perhaps with another wish, perhaps as somebody else.
            Replace(subscription, subscription, nowMicros);
            return;
        }

        traffic?.Add(ChannelCounter.Members);
        if (ledger is null || ledger.Arrive(entry.Member))
        {
            Tell(entry.Member, joined: true, nowMicros, entry);
        }
    }

    public void Leave(Subscription subscription, long nowMicros)
    {
        if (!_members.Remove(subscription.Client.Id, out var entry))
        {
            return;
        }

        traffic?.Add(ChannelCounter.Members, -1);
        if (ledger is null || ledger.Depart(entry.Member))
        {
            Tell(entry.Member, joined: false, nowMicros);
        }
    }

    /// <summary>
    /// A subscription takes the place of an earlier one, of the same connection or of the one whose session it took up. Where others see the same member
    /// before and after, they are told nothing.
    /// </summary>
    public void Replace(Subscription old, Subscription subscription, long nowMicros)
    {
        if (!_members.TryGetValue(old.Client.Id, out var known))
        {
            Join(subscription, nowMicros);
            return;
        }

        var entry = new Entry(subscription);
        if (entry.Member == known.Member)
        {
            _members.Remove(old.Client.Id);
            _members[subscription.Client.Id] = entry;
            return;
        }

        Leave(old, nowMicros);
        Join(subscription, nowMicros);
    }

    /// <summary>The channel's owner has said who is present on other nodes. True when all there are is known with this.</summary>
    public bool Apply(PresenceStatement statement, long nowMicros)
    {
        var changes = new List<(PresenceMember Member, bool Joined)>();
        var isWhole = ledger!.Apply(statement, changes);
        foreach (var (member, joined) in changes)
        {
            Tell(member, joined, nowMicros);
        }

        return isWhole;
    }

    /// <summary>Nobody on this node is present, and so nobody is told of the others any more.</summary>
    public void ForgetOthers()
    {
        ledger!.Forget();
        _users.Clear();
    }

    public PresenceList List(string channel) => ledger is null
        ? new(channel, [.. _members.Values.Take(MaxListed).Select(static entry => entry.Member)], _members.Count, _users.Count)
        : new(channel, [.. ledger.All.Take(MaxListed)], ledger.Count, _users.Count);

    private int Count(PresenceMember who, int change)
    {
        if (who.UserId is not { } user)
        {
            // Nobody else's: alone it is first and last.
            return change > 0 ? 1 : 0;
        }

        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_users, user, out _);
        count += change;
        var now = count;
        if (now == 0)
        {
            _users.Remove(user);
        }

        return now;
    }

    // Itself it is told nothing.
    private void Tell(PresenceMember who, bool joined, long nowMicros, Entry? itself = null)
    {
        var isUsersOnly = Count(who, joined ? 1 : -1) == (joined ? 1 : 0);
        PresenceChangeMessage? change = null;
        foreach (var member in _members.Values)
        {
            change ??= new PresenceChangeMessage { TimestampMicros = nowMicros, Channel = member.Subscription.Channel, Member = who, Joined = joined };
            if (member != itself && (isUsersOnly || member.Subscription.Presence == PresenceWish.Connections))
            {
                member.Subscription.Client.Send(change);
            }
        }
    }

    /// <summary>What others were told of the member: it may become another agent meanwhile, and leaves as whom it joined.</summary>
    private sealed class Entry(Subscription subscription)
    {
        public Subscription Subscription { get; } = subscription;

        public PresenceMember Member { get; } = new(subscription.Client.ClientId, subscription.Client.Subject);
    }
}

/// <summary>Who is present on a channel: at most so many members as are listed at once, and how many there are in all.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Members">Connections.</param>
/// <param name="Count">Connections in all.</param>
/// <param name="Users">Distinct users among them.</param>
public sealed record PresenceList(string Channel, IReadOnlyList<PresenceMember> Members, int Count, int Users)
{
    /// <summary>Why there is no answer now, for people; null when there is.</summary>
    public string? Refusal { get; init; }

    internal PresenceMessage Answer(RequestId requestId, long nowMicros) => new()
    {
        TimestampMicros = nowMicros,
        RequestId = requestId,
        Channel = Channel,
        Members = Members,
        Count = Count,
        Users = Users,
    };
}
