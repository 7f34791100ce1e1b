using System.Collections.Concurrent;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// How many subscribers each channel has on this node, by dialect, for <c>/health</c> and <c>/stats</c>. Written by each channel's replica, read by
/// anyone.
/// </summary>
public sealed class ChannelDirectory
{
    private readonly ConcurrentDictionary<string, int[]> _counts = new(StringComparer.Ordinal);

    /// <summary>Channels with at least one subscriber of the given dialects, with their numbers.</summary>
    public IReadOnlyDictionary<string, int> Counts(params ReadOnlySpan<DialectKind> kinds)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (channel, byKind) in _counts)
        {
            var sum = 0;
            foreach (var kind in kinds)
            {
                sum += byKind[(int)kind];
            }

            if (sum > 0)
            {
                counts[channel] = sum;
            }
        }

        return counts;
    }

    internal void Set(string channel, SubscriberSet subscribers)
    {
        if (subscribers.Count == 0)
        {
            Remove(channel);
            return;
        }

        var counts = new int[(int)DialectKind.RelayProtobuf + 1];
        for (var kind = 0; kind < counts.Length; kind++)
        {
            counts[kind] = subscribers.CountOf((DialectKind)kind);
        }

        _counts[channel] = counts;
    }

    internal void Remove(string channel) => _counts.TryRemove(channel, out _);
}
