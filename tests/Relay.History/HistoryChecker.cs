namespace Relay.History;

/// <summary>
/// Holds a recorded history against the promises of the relay: nothing acknowledged is lost, nothing comes twice or out of order, nothing comes that was not
/// published, a place holds one event for everybody, and nobody misses anything without being told. Works off line, in the order of the lines.
/// <para>
/// What may be: a publish that was refused with a way to retry, or was never answered, may be kept or not, once. A resume answered <c>recovered:false</c> and
/// a gap notice excuse what they name. Events older than the first offset that retention left are not looked for in the final content.
/// </para>
/// <para>
/// Order is checked against real time too: what is invoked after another publish was acknowledged must get a higher offset. Publishes in flight together may
/// come in either order.
/// </para>
/// </summary>
public static class HistoryChecker
{
    /// <param name="history">In its order.</param>
    /// <param name="mayForget">
    /// Channels that forget with their owner, publish ids included: there one event may be accepted again in another epoch, which tells everybody. Null = none.
    /// </param>
    /// <exception cref="InvalidDataException">The history is not one: an id used for two events, stored events without their head.</exception>
    public static CheckReport Check(IEnumerable<HistoryEntry> history, Func<string, bool>? mayForget = null)
    {
        ArgumentNullException.ThrowIfNull(history);
        var findings = new List<Finding>();
        var channels = new Dictionary<string, ChannelHistory>(StringComparer.Ordinal);
        var (duplicates, refusals, resumes, told, deliveries) = (0, 0, 0, 0, 0L);
        foreach (var entry in history)
        {
            if (!channels.TryGetValue(entry.Channel, out var channel))
            {
                channels[entry.Channel] = channel = new ChannelHistory(entry.Channel, findings.Add, mayForget?.Invoke(entry.Channel) ?? false);
            }

            Take(channel, entry);
            duplicates += entry is Acknowledged { Duplicate: true } ? 1 : 0;
            refusals += entry is Refused ? 1 : 0;
            resumes += entry is Subscribed { Since: not null } ? 1 : 0;
            told += entry is GapTold or Subscribed { Since: not null, Recovered: false } ? 1 : 0;
            deliveries += entry is Seen ? 1 : 0;
        }

        foreach (var channel in channels.Values)
        {
            channel.End();
        }

        return new CheckReport
        {
            Findings = findings,
            Published = channels.Values.Sum(static channel => channel.Published),
            Acknowledged = channels.Values.Sum(static channel => channel.Acknowledged),
            Duplicates = duplicates,
            Refusals = refusals,
            UnacknowledgedKept = channels.Values.Sum(static channel => channel.UnacknowledgedKept),
            Deliveries = deliveries,
            Resumes = resumes,
            ToldGaps = told,
            Stored = channels.Values.Sum(static channel => channel.Stored),
        };
    }

    private static void Take(ChannelHistory channel, HistoryEntry entry)
    {
        switch (entry)
        {
            case Invoked invoked:
                channel.Invoke(invoked);
                break;
            case Acknowledged ack:
                channel.Acknowledge(ack);
                break;
            case Refused refused:
                channel.Refuse(refused);
                break;
            case Subscribed subscribed:
                channel.Log(subscribed.Subscriber).Begin(subscribed);
                break;
            case Seen seen:
                channel.See(seen);
                break;
            case GapTold gap:
                channel.Log(gap.Subscriber).Tell(gap);
                break;
            case Disconnected gone:
                channel.Log(gone.Subscriber).End();
                break;
            case CaughtUp caught:
                channel.Log(caught.Subscriber).CatchUp(caught.Place);
                break;
            case JournalRead read:
                channel.Read(read);
                break;
            case Stored stored:
                channel.Store(stored);
                break;
            case Unanswered:
                // Excuses nothing by itself: an invocation without an ack or a final refusal is already one that may be either.
                break;
            default:
                throw new InvalidDataException($"A history has no lines of the kind {entry.GetType().Name}.");
        }
    }
}
