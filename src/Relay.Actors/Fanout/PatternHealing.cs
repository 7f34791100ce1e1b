using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Brings a pattern's subscribers the events of channels on all nodes in order and once: what is missing of a channel they have heard of is fetched from it, what is gone is told as a gap
/// (guarantees.md 1 to 3). Owned by the replica's turn; only where there are other nodes.
/// </summary>
internal sealed class PatternHealing(IActorContext context, IActorRef channels, ReplicaDelivery delivery, Action<string, StreamPosition, StreamPosition> tellGap)
{
    /// <summary>Channels remembered; beyond that, what is lost of those that were silent for longest is not noticed.</summary>
    public const int MostChannels = 10_000;

    /// <summary>Channels that are asked at the same time whether anything is missing: they may have to wake up for that.</summary>
    public const int AskedAtOnce = 32;

    private static readonly PageBounds Page = new(1000, 256 * 1024);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly PatternPlaces _places = new(MostChannels);
    private readonly Queue<PatternPlace> _doubted = new();
    private readonly HashSet<PatternPlace> _asked = [];
    private readonly List<PatternPlace> _refused = [];

    /// <summary>Events of one channel have come.</summary>
    public void Collect(Publication[] events)
    {
        foreach (var publication in events)
        {
            if (publication.IsTransient)
            {
                delivery.Collect(publication);
                continue;
            }

            switch (_places.Take(publication, out var place))
            {
                case PatternStep.Next:
                    delivery.Collect(publication);
                    break;
                case PatternStep.Passed:
                    tellGap(place.Channel, publication.Position with { Offset = publication.Position.Offset - 1 }, publication.Position);
                    break;
                case PatternStep.Missing:
                    place.Seen = publication.Position;
                    Ask(place);
                    break;
            }
        }
    }

    /// <summary>Events of any channel may not have come: all that are known are asked where they stand.</summary>
    public void Doubt()
    {
        _doubted.Clear();
        foreach (var place in _places.All)
        {
            if (place.Asked is null)
            {
                _doubted.Enqueue(place);
            }
            else
            {
                place.IsDoubted = true;
            }
        }

        AskDoubted();
    }

    /// <summary>A channel has answered.</summary>
    public void Receive(HistoryReply reply)
    {
        if (reply.Query.Tag is not PatternPlace place || !ReferenceEquals(place.Asked, reply.Query))
        {
            return;
        }

        if (reply.Refusal is not null)
        {
            // Its live events are not brought meanwhile, or they would come before those that are missing.
            _refused.Add(place);
            context.Timers.StartSingle(PatternRetry.Instance, PatternRetry.Instance, RetryPause);
            return;
        }

        if (!reply.Complete)
        {
            tellGap(place.Channel, place.Position, reply.Start);
        }

        foreach (var publication in reply.Events)
        {
            delivery.Collect(publication);
        }

        place.Reach(reply.Start, reply.Reached);
        if (reply.Reached != reply.Position)
        {
            Ask(place);
            return;
        }

        if (place.IsDoubted || (place.Seen is { } seen && (seen.Epoch != reply.Reached.Epoch || seen.Offset > reply.Reached.Offset)))
        {
            // Answered before the doubt, or before events that another owner has sent since.
            (place.IsDoubted, place.Seen) = (false, null);
            Ask(place);
            return;
        }

        place.Asked = null;
        place.Seen = null;
        _asked.Remove(place);
        AskDoubted();
    }

    /// <summary>Asks again those that could not answer.</summary>
    public void Retry()
    {
        foreach (var place in _refused)
        {
            Ask(place);
        }

        _refused.Clear();
    }

    private void AskDoubted()
    {
        while (_asked.Count < AskedAtOnce && _doubted.TryDequeue(out var place))
        {
            if (place.Asked is null && _places.Holds(place))
            {
                Ask(place);
            }
        }
    }

    private void Ask(PatternPlace place)
    {
        var query = new HistoryQuery { Tag = place, After = place.Position, Limit = CatchUps.MostUnasked, Page = Page, MayBeRefused = true };
        place.Asked = query;
        _asked.Add(place);
        channels.Tell(new ShardEnvelope(place.Channel, query), context.Self);
    }
}

/// <summary>To a pattern's replica itself: channels that could not answer are asked again.</summary>
internal sealed class PatternRetry
{
    private PatternRetry()
    {
    }

    public static PatternRetry Instance { get; } = new();
}
