using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Who is present on a channel: native subscribers that asked for it (protocols.md, <c>relay</c>). Tells joins and leaves to the others.
/// Owned by the channel's replica.
/// </summary>
internal sealed class PresenceSet
{
    /// <summary>Members listed in an answer; the count goes on beyond it.</summary>
    private const int MaxListed = 1000;

    private readonly Dictionary<long, Subscription> _members = [];

    public void Join(Subscription subscription, long nowMicros)
    {
        if (_members.TryAdd(subscription.Client.Id, subscription))
        {
            Tell(subscription, joined: true, nowMicros);
        }
    }

    public void Leave(Subscription subscription, long nowMicros)
    {
        if (_members.Remove(subscription.Client.Id))
        {
            Tell(subscription, joined: false, nowMicros);
        }
    }

    public PresenceMessage Answer(string channel, RequestId requestId, long nowMicros) => new()
    {
        TimestampMicros = nowMicros,
        RequestId = requestId,
        Channel = channel,
        Members = [.. _members.Values.Take(MaxListed).Select(MemberOf)],
        Count = _members.Count,
    };

    private static PresenceMember MemberOf(Subscription subscription) =>
        new(subscription.Client.ClientId, subscription.Client.Subject);

    private void Tell(Subscription who, bool joined, long nowMicros)
    {
        var change = new PresenceChangeMessage { TimestampMicros = nowMicros, Channel = who.Channel, Member = MemberOf(who), Joined = joined };
        foreach (var member in _members.Values)
        {
            if (member != who)
            {
                member.Client.Send(change);
            }
        }
    }
}
