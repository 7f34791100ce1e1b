namespace Relay.Redis.Bridge;

/// <summary>
/// Redis delivers a message once for each subscription that matches its channel: SUBSCRIBE <c>updates</c> with PSUBSCRIBE <c>up*</c> and <c>*</c> makes three
/// of one. Of those, only the first counts here: the exact subscription, else the pattern that comes first in configuration. A subscription counts only while the
/// server has confirmed it, so one that is refused does not hide the messages that another brings. Confirmations stand in the stream of messages where they took
/// effect, which makes the decision exact. Used within calls to the handler, which never overlap.
/// </summary>
internal sealed class DeliveryFilter
{
    private readonly Dictionary<byte[], RedisSubscription>.AlternateLookup<ReadOnlySpan<byte>> _exact;
    private readonly RedisSubscription[] _patterns;

    /// <param name="subscriptions">In the order of configuration.</param>
    public DeliveryFilter(IReadOnlyList<RedisSubscription> subscriptions)
    {
        _patterns = [.. subscriptions.Where(static subscription => subscription.IsPattern)];
        _exact = subscriptions.Where(static subscription => !subscription.IsPattern)
            .ToDictionary(static subscription => subscription.NameBytes, ChannelNameComparer.Instance)
            .GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public bool Accepts(in PushMessage message)
    {
        if (!message.Subscription.IsPattern)
        {
            return true;
        }

        var channel = message.Channel.Span;
        if (_exact.TryGetValue(channel, out var exact) && exact.IsLive)
        {
            return false;
        }

        foreach (var earlier in _patterns)
        {
            if (ReferenceEquals(earlier, message.Subscription))
            {
                return true;
            }

            if (earlier.IsLive && RedisGlob.Matches(earlier.NameBytes, channel))
            {
                return false;
            }
        }

        return true;
    }
}
