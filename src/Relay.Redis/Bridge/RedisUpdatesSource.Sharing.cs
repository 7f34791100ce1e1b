using Relay.Actors.Bridges;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <content>In a cluster, where every node hears every update: see <see cref="SharedFeed"/>.</content>
public sealed partial class RedisUpdatesSource
{
    private readonly FeedSharing? _sharing;
    private readonly RedisClient? _says;
    private readonly RedisSubscription? _marks;
    private Task _saying = Task.CompletedTask;

    private TimeSpan Now => _services.Time.GetElapsedTime(0);

    private List<BridgeItem> Hear(SharedFeed feed, ReadOnlyMemory<PushMessage> messages)
    {
        var items = new List<BridgeItem>(messages.Length);
        var now = Now;
        foreach (ref readonly var message in messages.Span)
        {
            if (ReferenceEquals(message.Subscription, _marks))
            {
                feed.Mark(message.Payload.Span, now, items);
            }
            else if (_filter.Accepts(message))
            {
                _services.Envelopes.TryRead(SourceName, message.Payload, key: null, out var item, out _);
                feed.Hear(item, message.Payload.Length, now, items);
            }
        }

        return items;
    }

    // What is missed by one subscription shifts the numbers of all: only with all of them messages can be told apart.
    private void Missed() => _sharing?.Feed.Interrupted();

    private async Task SayMarksAsync(FeedSharing sharing, RedisClient redis)
    {
        using var ticks = new PeriodicTimer(SharedFeed.MarkInterval, _services.Time);
        try
        {
            while (await ticks.WaitForNextTickAsync(_stopping.Token))
            {
                try
                {
                    await redis.PublishAsync(sharing.Marks, sharing.Feed.NextMark(Now));
                }
                catch (RedisException)
                {
                    // The subscription's health tells of a Redis that is away, and without it there is nothing to be marked.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The source ends.
        }
    }
}
