using System.Numerics;

namespace Relay.Redis.Connections;

/// <summary>A command that has been queued for writing and not been answered.</summary>
/// <param name="Reply">Null once nobody waits any more: it timed out, or it is a keep-alive.</param>
/// <param name="Subscription">What a SUBSCRIBE or UNSUBSCRIBE is about; such a command is answered by a push.</param>
/// <param name="Deadline">Timestamp at which it times out; <see cref="long.MaxValue"/> for never.</param>
/// <param name="Bytes">Its share of the queue's bound in bytes.</param>
internal readonly record struct InFlight(PendingReply? Reply, object? Subscription, long Deadline, int Bytes, bool KeepAlive);

/// <summary>Commands in the order of their answers: a ring that grows to its bound. Touched only under the connection's lock.</summary>
internal sealed class InFlightQueue
{
    private InFlight[] _ring = new InFlight[64];
    private int _head;

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    public void Enqueue(in InFlight command)
    {
        if (Count == _ring.Length)
            Grow();
        _ring[(_head + Count) & (_ring.Length - 1)] = command;
        Count++;
        Bytes += command.Bytes;
    }

    public bool TryDequeue(out InFlight command)
    {
        if (Count == 0)
        {
            command = default;
            return false;
        }

        command = _ring[_head];
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        Count--;
        Bytes -= command.Bytes;
        return true;
    }

    /// <summary>Takes the promises whose time is over out of their entries. The entries stay: their answers may still come and must be matched.</summary>
    public void TakeExpired(long now, List<PendingReply> expired)
    {
        for (var i = 0; i < Count; i++)
        {
            ref var entry = ref _ring[(_head + i) & (_ring.Length - 1)];
            if (entry.Reply is null || entry.Deadline > now)
                continue;
            expired.Add(entry.Reply);
            entry = entry with { Reply = null };
        }
    }

    private void Grow()
    {
        var larger = new InFlight[(int)BitOperations.RoundUpToPowerOf2((uint)_ring.Length + 1)];
        for (var i = 0; i < Count; i++)
            larger[i] = _ring[(_head + i) & (_ring.Length - 1)];
        _ring = larger;
        _head = 0;
    }
}
