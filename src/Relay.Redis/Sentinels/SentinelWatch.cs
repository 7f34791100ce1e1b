using System.Globalization;
using System.Text;

namespace Relay.Redis.Sentinels;

/// <summary>Listens to one Sentinel for the word that a primary was replaced.</summary>
/// <remarks>
/// A word that was missed while the connection was down does no harm: a primary that was replaced is dead, or says READONLY, or Sentinel has cut its clients off when it made it
/// a replica. So nothing is asked when the connection is back; a Sentinel that was away itself may answer with what was right before.
/// </remarks>
internal sealed class SentinelWatch : IRedisPushHandler, IAsyncDisposable
{
    private const string Switch = "+switch-master";

    private readonly SentinelDirectory _directory;
    private readonly int _index;
    private readonly RedisSubscriber _subscriber;

    public SentinelWatch(SentinelDirectory directory, int index, RedisOptions options, RedisServices services)
    {
        _directory = directory;
        _index = index;
        _subscriber = new RedisSubscriber(options, services, SentinelDirectory.Role, directory: null);
        _subscriber.Subscribe(Switch, this);
        _subscriber.Start();
    }

    public ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages)
    {
        foreach (ref readonly var message in messages.Span)
        {
            // Name, address and port before, address and port now.
            var words = Encoding.UTF8.GetString(message.Payload.Span).Split(' ');
            if (words is [var name, _, _, var host, var port] && name == _directory.Name
                && int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                _directory.Announce(new RedisEndpoint(host, number), _index);
            }
        }

        return ValueTask.CompletedTask;
    }

    public void OnSubscribed(RedisSubscription subscription)
    {
        // Whoever connects asks; only changes are listened for.
    }

    public void OnDisconnected(RedisSubscription subscription, string reason)
    {
        // The supervisor of the connection logs it; the other Sentinels are listened to as well.
    }

    public void OnReconnected(RedisSubscription subscription)
    {
        // See the remarks.
    }

    public void OnRefused(RedisSubscription subscription, RedisException error)
    {
        // Logged by the subscriber, which asks again.
    }

    public ValueTask DisposeAsync() => _subscriber.DisposeAsync();
}
