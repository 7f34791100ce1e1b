using Relay.Actors.Channels;

namespace Relay.Actors.Bridges;

/// <summary>
/// Which messages of one batch are open in which channel, for sources that bring again what was not accepted (<see cref="BridgeAnswer.WantsOpen"/>). Plain data, owned by the
/// bridge's turn.
/// <para>
/// An answer that does not come has two reasons, and a source must not take one for the other: handling the message failed, or the channel waits (for its journal, for
/// its turn). So the channel is asked with an empty batch, a probe, that waits behind all it was sent before. A probe that is answered while the message is not: the message's own
/// failure. A probe that is refused or not answered either: the channel's trouble.
/// </para>
/// </summary>
internal sealed class BridgeTracking(IReadOnlyList<BridgeItem> items)
{
    private readonly Dictionary<string, List<int>> _collected = new(StringComparer.Ordinal);
    private readonly Dictionary<PublishBatch, int[]> _sent = [];
    private readonly HashSet<PublishBatch> _probes = [];
    private readonly List<(int Index, string Channel, bool IsItsOwn, string Reason)> _open = [];

    /// <summary>Sweep in which the probes were sent; null before.</summary>
    public long? ProbedAt { get; set; }

    /// <summary>The message will be part of the next batch to this channel.</summary>
    public void Collect(string channel, int index)
    {
        if (!_collected.TryGetValue(channel, out var list))
        {
            _collected.Add(channel, list = []);
        }

        list.Add(index);
    }

    /// <summary>What was collected for the batch's channel is on its way.</summary>
    public void Sent(PublishBatch batch)
    {
        _collected.Remove(batch.Channel, out var list);
        _sent.Add(batch, [.. list!]);
    }

    /// <summary>A probe is on its way.</summary>
    public void Probing(PublishBatch probe) => _probes.Add(probe);

    /// <summary>Channels that owe an answer.</summary>
    public List<string> Silent() => [.. _sent.Keys.Select(static batch => batch.Channel).Distinct(StringComparer.Ordinal)];

    /// <summary>Takes an answer; the number of outcomes it settles.</summary>
    public int Answered(PublishReply reply)
    {
        if (_probes.Remove(reply.Batch))
        {
            return Settle(reply.Batch.Channel, isItsOwn: reply.Refusal is null, reply.Refusal ?? "handling it failed: its channel goes on and gives no answer for it");
        }

        if (!_sent.Remove(reply.Batch, out var indexes))
        {
            return 0;
        }

        if (reply.Refusal is { } reason)
        {
            Add(indexes, reply.Batch.Channel, reply.IsFault, reason);
        }

        return indexes.Length;
    }

    /// <summary>Gives up what no answer came for; the number of outcomes.</summary>
    public int GiveUp(string reason) => Silent().Sum(channel => Settle(channel, isItsOwn: false, reason));

    /// <summary>Messages that were not sent and will not be; the number of their channels.</summary>
    public int Withdraw(int from, string reason)
    {
        var channels = 0;
        for (var i = from; i < items.Count; i++)
        {
            channels += items[i].Channels.Count;
            foreach (var channel in items[i].Channels)
            {
                _open.Add((i, channel, false, reason));
            }
        }

        return channels;
    }

    /// <summary>What is not accepted, in order; null when all is. A message with several open channels counts as failed by itself only when nothing else is wrong with it.</summary>
    public BridgeUnfinishedException? Unfinished() => _open.Count == 0
        ? null
        : new BridgeUnfinishedException([.. _open.GroupBy(static one => one.Index).OrderBy(static one => one.Key).Select(one =>
        {
            var reason = one.FirstOrDefault(static part => !part.IsItsOwn).Reason ?? one.First().Reason;
            var open = one.Select(static part => part.Channel).ToHashSet(StringComparer.Ordinal);
            return new BridgeOpen(one.Key, [.. items[one.Key].Channels.Where(open.Contains)], one.All(static part => part.IsItsOwn), reason);
        })]);

    private int Settle(string channel, bool isItsOwn, string reason)
    {
        var settled = 0;
        foreach (var batch in _sent.Keys.Where(batch => string.Equals(batch.Channel, channel, StringComparison.Ordinal)).ToList())
        {
            _sent.Remove(batch, out var indexes);
            Add(indexes!, channel, isItsOwn, reason);
            settled += indexes!.Length;
        }

        return settled;
    }

    private void Add(int[] indexes, string channel, bool isItsOwn, string reason)
    {
        foreach (var index in indexes)
        {
            _open.Add((index, channel, isItsOwn, reason));
        }
    }
}
