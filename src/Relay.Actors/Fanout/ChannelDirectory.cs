using System.Collections.Concurrent;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// How many subscribers each channel has on this node, by dialect, for <c>/health</c> and <c>/stats</c>. Written by each channel's replica, read by
/// anyone.
/// </summary>
public sealed class ChannelDirectory
{
    private const int Kinds = (int)DialectKind.Sse + 1;

    // Most channels are one user's, with one client: these share their counts.
    private static readonly int[][] Single = [.. Enumerable.Range(0, Kinds).Select(static kind => CountsOf(one => one == kind ? 1 : 0))];

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

    /// <summary>Channels with subscribers.</summary>
    public int Count => _counts.Count;

    /// <summary>Whether anybody subscribes to it on this node.</summary>
    public bool Has(string channel) => _counts.ContainsKey(channel);

    /// <summary>The first channels behind <paramref name="after"/>, in the order of their names, with all their subscribers on this node.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> Page(Func<string, bool> match, string after, int limit)
    {
        // The lowest names, the highest of them on top.
        var page = new PriorityQueue<string, string>(Comparer<string>.Create(static (one, other) => string.CompareOrdinal(other, one)));
        foreach (var (channel, _) in _counts)
        {
            if (string.CompareOrdinal(channel, after) > 0 && match(channel))
            {
                if (page.Count < limit)
                {
                    page.Enqueue(channel, channel);
                }
                else
                {
                    page.EnqueueDequeue(channel, channel);
                }
            }
        }

        return [.. page.UnorderedItems.Select(item => KeyValuePair.Create(item.Element, _counts.TryGetValue(item.Element, out var counts) ? counts.Sum() : 0)).OrderBy(static one => one.Key, StringComparer.Ordinal)];
    }

    internal void Set(string channel, SubscriberSet subscribers, CatchUps? catchUps = null)
    {
        if (catchUps is { Begun: > 0 })
        {
            _counts[channel] = CountsOf(kind => subscribers.CountOf((DialectKind)kind) + catchUps.CountOf((DialectKind)kind));
            return;
        }

        if (subscribers.Count == 0)
        {
            Remove(channel);
            return;
        }

        _counts[channel] = subscribers.Count == 1
            ? Single[(int)subscribers.Group(0)[0].Client.Kind]
            : CountsOf(kind => subscribers.CountOf((DialectKind)kind));
    }

    internal void Remove(string channel) => _counts.TryRemove(channel, out _);

    private static int[] CountsOf(Func<int, int> count) => [.. Enumerable.Range(0, Kinds).Select(count)];
}
