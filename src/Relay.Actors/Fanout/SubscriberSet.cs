using System.Runtime.InteropServices;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// The subscribers of one channel on this node, by encoding: each encoding's batch is made once and sent in one loop. Adding and removing is O(1).
/// Owned by the channel's replica.
/// </summary>
internal sealed class SubscriberSet
{
    // One entry per encoding in use: mostly one. A table of all encodings would be the larger part of a channel with one subscriber.
    private List<Subscription>[] _groups = [];

    public int Count { get; private set; }

    /// <summary>Changes with every addition and removal.</summary>
    public long Version { get; private set; }

    public void Add(Subscription subscription)
    {
        var group = GroupOf(subscription.Client.Encoding.Slot);
        if (group is null)
        {
            group = new List<Subscription>(1);
            _groups = [.. _groups, group];
        }

        subscription.Index = group.Count;
        group.Add(subscription);
        Count++;
        Version++;
    }

    public bool Remove(Subscription subscription)
    {
        if (subscription.Index < 0)
        {
            return false;
        }

        var group = GroupOf(subscription.Client.Encoding.Slot)!;
        var last = group[^1];
        group[subscription.Index] = last;
        last.Index = subscription.Index;
        group.RemoveAt(group.Count - 1);
        if (group.Count == 0)
        {
            _groups = [.. _groups.Where(other => other != group)];
        }

        subscription.Index = -1;
        Count--;
        Version++;
        return true;
    }

    /// <summary>Encodings in use.</summary>
    public int Groups => _groups.Length;

    /// <summary>Subscribers of the encoding in use at <paramref name="index"/>; never empty.</summary>
    public ReadOnlySpan<Subscription> Group(int index) => CollectionsMarshal.AsSpan(_groups[index]);

    /// <summary>Subscribers of one encoding; empty when there are none.</summary>
    public ReadOnlySpan<Subscription> InSlot(int slot) => CollectionsMarshal.AsSpan(GroupOf(slot));

    public int CountOf(DialectKind kind) => InSlot((int)kind * 2).Length + InSlot(((int)kind * 2) + 1).Length;

    /// <summary>A snapshot of the subscribers of one dialect.</summary>
    public Subscription[] Of(DialectKind kind) => [.. InSlot((int)kind * 2), .. InSlot(((int)kind * 2) + 1)];

    /// <summary>A snapshot of the subscribers of the native dialects.</summary>
    public Subscription[] OfNative() => [.. _groups.Where(static group => group[0].Client.Dialect.Profile.IsNative).SelectMany(static group => group)];

    private List<Subscription>? GroupOf(int slot)
    {
        foreach (var group in _groups)
        {
            if (group[0].Client.Encoding.Slot == slot)
            {
                return group;
            }
        }

        return null;
    }
}
