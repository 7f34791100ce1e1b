using System.Runtime.InteropServices;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Who is present on a channel: native subscribers that asked for it (protocols.md, <c>relay</c>, "Presence"). Tells joins and leaves to the others.
/// Owned by the channel's replica.
/// </summary>
internal sealed class PresenceSet
{
    /// <summary>Members listed in an answer; the counts go on beyond it.</summary>
    private const int MaxListed = 1000;

    private readonly Dictionary<long, Entry> _members = [];

    // Connections of each user.
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

        Tell(entry, joined: true, Count(entry, 1) == 1, nowMicros);
    }

    public void Leave(Subscription subscription, long nowMicros)
    {
        if (_members.Remove(subscription.Client.Id, out var entry))
        {
            Tell(entry, joined: false, Count(entry, -1) == 0, nowMicros);
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

    public PresenceList List(string channel) =>
        new(channel, [.. _members.Values.Take(MaxListed).Select(static entry => entry.Member)], _members.Count, _users.Count);

    private int Count(Entry entry, int change)
    {
        if (entry.Member.UserId is not { } user)
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

    private void Tell(Entry who, bool joined, bool isUsersOnly, long nowMicros)
    {
        var change = new PresenceChangeMessage { TimestampMicros = nowMicros, Channel = who.Subscription.Channel, Member = who.Member, Joined = joined };
        foreach (var member in _members.Values)
        {
            if (member != who && (isUsersOnly || member.Subscription.Presence == PresenceWish.Connections))
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
