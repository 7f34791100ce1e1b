using System.Runtime.InteropServices;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// The subscribers of one channel on this node, by encoding: each encoding's batch is made once and sent in one loop. Adding and removing is O(1).
/// Owned by the channel's replica.
/// </summary>
internal sealed class SubscriberSet
{
    private readonly List<Subscription>?[] _slots = new List<Subscription>?[WireEncoding.MaxSlots];

    public int Count { get; private set; }

    /// <summary>Changes with every addition and removal.</summary>
    public long Version { get; private set; }

    public void Add(Subscription subscription)
    {
        var slot = _slots[subscription.Client.Encoding.Slot] ??= [];
        subscription.Index = slot.Count;
        slot.Add(subscription);
        Count++;
        Version++;
    }

    public bool Remove(Subscription subscription)
    {
        if (subscription.Index < 0)
        {
            return false;
        }

        var slot = _slots[subscription.Client.Encoding.Slot]!;
        var last = slot[^1];
        slot[subscription.Index] = last;
        last.Index = subscription.Index;
        slot.RemoveAt(slot.Count - 1);
        if (slot.Count == 0)
        {
            _slots[subscription.Client.Encoding.Slot] = null;
        }

        subscription.Index = -1;
        Count--;
        Version++;
        return true;
    }

    /// <summary>Subscribers of one encoding; empty when there are none.</summary>
    public ReadOnlySpan<Subscription> InSlot(int slot) => CollectionsMarshal.AsSpan(_slots[slot]);

    public int CountOf(DialectKind kind) => (_slots[(int)kind * 2]?.Count ?? 0) + (_slots[((int)kind * 2) + 1]?.Count ?? 0);

    /// <summary>A snapshot of the subscribers of one dialect.</summary>
    public Subscription[] Of(DialectKind kind) => [.. InSlot((int)kind * 2), .. InSlot(((int)kind * 2) + 1)];
}
