namespace Relay.Actors.Bridges;

/// <summary>What became of one message of a source that loses nothing.</summary>
/// <param name="Open">What is left of it, for the channels that have not accepted it; null = accepted by all.</param>
/// <param name="IsItsOwn">See <see cref="BridgeOpen.IsItsOwn"/>: a try that failed. False = to be brought again, however often.</param>
/// <param name="Reason">Why it is open.</param>
public readonly record struct BridgeFate(BridgeItem? Open, bool IsItsOwn, string? Reason);

/// <summary>
/// Delivers batches of sources that bring again what was not accepted (streams, outbox), and finds the one message that fails among others: a channel's part of a batch
/// fails as a whole, so the messages of a failed part are delivered once more, each alone and in their order. Stateless.
/// </summary>
public static class BridgeDelivery
{
    /// <summary>Delivers; what is known of each message afterwards, in their order.</summary>
    /// <exception cref="Exception">Nothing is known: the whole batch is to be brought again, which is no message's own failure.</exception>
    public static async Task<BridgeFate[]> DeliverAsync(BridgePublisher publish, IReadOnlyList<BridgeItem> items)
    {
        var fates = new BridgeFate[items.Count];
        if (items.Count == 0)
        {
            return fates;
        }

        try
        {
            await publish(items, CancellationToken.None);
        }
        catch (BridgeUnfinishedException unfinished)
        {
            foreach (var open in unfinished.Open)
            {
                fates[open.Index] = new BridgeFate(Rest(items[open.Index], open.Channels), open.IsItsOwn, open.Reason);
            }

            if (items.Count > 1)
            {
                await IsolateAsync(publish, fates);
            }
        }

        return fates;
    }

    /// <summary>Behind the first message that only waits, nothing is tried: it may wait for the same channel, and keeps its place.</summary>
    private static async Task IsolateAsync(BridgePublisher publish, BridgeFate[] fates)
    {
        var waits = false;
        for (var i = 0; i < fates.Length; i++)
        {
            if (fates[i] is not { Open: { } open } fate)
            {
                continue;
            }

            fates[i] = waits || !fate.IsItsOwn ? fate with { IsItsOwn = false } : await TryAloneAsync(publish, open);
            waits |= fates[i] is { Open: not null, IsItsOwn: false };
        }
    }

    private static async Task<BridgeFate> TryAloneAsync(BridgePublisher publish, BridgeItem item)
    {
        try
        {
            return (await DeliverAsync(publish, [item]))[0];
        }
        catch (Exception error)
        {
            return new BridgeFate(item, false, error.Message);
        }
    }

    // The first channel's event is the one that is counted; where it is accepted, the others stay copies.
    private static BridgeItem Rest(BridgeItem item, IReadOnlyList<string> open) => open.Count == item.Channels.Count
        ? item
        : new BridgeItem(open, string.Equals(open[0], item.Channels[0], StringComparison.Ordinal) ? item.Item : item.Item with { IsCopy = true });
}
