using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// From events to sockets: encode once per encoding, one send per subscriber. Plain code without an actor; the caller's turn is the only one that
/// touches the subscribers.
/// </summary>
internal static class FanoutLoop
{
    /// <summary>Sends <paramref name="events"/> to everyone in <paramref name="subscribers"/> who should see them.</summary>
    public static void Send(ReadOnlySpan<Publication> events, SubscriberSet subscribers, WhenSlow whenSlow = WhenSlow.Disconnect)
    {
        var anyExcluded = AnyExcluded(events);
        for (var group = 0; group < subscribers.Groups; group++)
        {
            var members = subscribers.Group(group);
            var encoding = members[0].Client.Encoding;
            var batch = FrameBatch.Rent();
            for (var from = 0; from < events.Length;)
            {
                var to = batch.Encode(events, from, encoding, members.Length);
                Send(batch, events[from..to], members, anyExcluded, whenSlow);
                from = to;
            }
        }
    }

    /// <summary>Sends events to one subscriber, e.g. those it missed.</summary>
    public static void SendTo(ReadOnlySpan<Publication> events, Subscription subscription, WhenSlow whenSlow = WhenSlow.Disconnect)
    {
        var batch = FrameBatch.Rent();
        for (var from = 0; from < events.Length;)
        {
            var to = batch.Encode(events, from, subscription.Client.Encoding, 1);
            SendOne(batch, events[from..to], subscription, whenSlow);
            from = to;
        }
    }

    /// <summary>Sends one subscriber the first of these events, about as many bytes as may wait for it while it catches up; returns how many.</summary>
    public static int SendPart(ReadOnlySpan<Publication> events, Subscription subscription, WhenSlow whenSlow)
    {
        var batch = FrameBatch.Rent();
        var count = batch.Encode(events, 0, subscription.Client.Encoding, 1, Math.Min(FrameBatch.CutBytes, subscription.Client.Outbound.CatchUpBytes));
        SendOne(batch, events[..count], subscription, whenSlow);
        return count;
    }

    /// <summary>Sends the frames of <paramref name="events"/> in <paramref name="batch"/> to <paramref name="members"/>.</summary>
    public static void Send(FrameBatch batch, ReadOnlySpan<Publication> events, ReadOnlySpan<Subscription> members, bool anyExcluded, WhenSlow whenSlow)
    {
        var count = batch.Count;
        var sent = default(Tally);
        foreach (var member in members)
        {
            if (anyExcluded || member.Filter is not null)
            {
                SendSelected(batch, events, member, whenSlow, ref sent);
            }
            else if (member.Client.Outbound.Send(batch, 0, count, whenSlow))
            {
                sent.Whole++;
            }
        }

        if (members.Length > 0)
        {
            // Once for all of them: a counter for each delivery would be felt.
            members[0].Client.Encoding.Traffic.Delivered(sent.Events + (sent.Whole * count), sent.Bytes + (sent.Whole * batch.Start(count)));
        }
    }

    private static void SendOne(FrameBatch batch, ReadOnlySpan<Publication> events, Subscription subscription, WhenSlow whenSlow)
    {
        var sent = default(Tally);
        SendSelected(batch, events, subscription, whenSlow, ref sent);
        subscription.Client.Encoding.Traffic.Delivered(sent.Events, sent.Bytes);
    }

    /// <summary>Sends the runs of frames that this subscriber should see.</summary>
    private static void SendSelected(FrameBatch batch, ReadOnlySpan<Publication> events, Subscription subscription, WhenSlow whenSlow, ref Tally sent)
    {
        var filter = subscription.Filter;
        var run = -1;
        for (var i = 0; i <= events.Length; i++)
        {
            var wanted = i < events.Length
                && events[i].ExcludedConnection != subscription.Client.Id
                && (filter is null || filter.Matches(events[i].Event));
            if (wanted && run < 0)
            {
                run = i;
            }
            else if (!wanted && run >= 0)
            {
                if (subscription.Client.Outbound.Send(batch, run, i, whenSlow))
                {
                    sent.Events += i - run;
                    sent.Bytes += batch.Start(i) - batch.Start(run);
                }

                run = -1;
            }
        }
    }

    /// <summary>True when an event leaves somebody out, so that each member must be looked at.</summary>
    public static bool AnyExcluded(ReadOnlySpan<Publication> events)
    {
        foreach (var publication in events)
        {
            if (publication.ExcludedConnection != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What a loop gave to its clients: whole batches, and parts.</summary>
    private struct Tally
    {
        public long Whole;
        public long Events;
        public long Bytes;
    }
}
