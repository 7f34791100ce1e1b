using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// At-least-once redelivery of the <c>context</c> dialect: events named <c>task.*</c>, <c>subtask.*</c> and <c>message.*</c> are sent again after 5 s
/// and after 11 s to a client that has not acked them (protocols.md, <c>context</c>; 3 sends in all).
/// <para>
/// What may be sent again is kept once per channel, and per client only what it acked: so an ack costs an entry and a delivery costs nothing.
/// Plain data, owned by the channel's replica.
/// </para>
/// </summary>
internal sealed class Redelivery
{
    /// <summary>First and second repeat, measured from the first send.</summary>
    private static readonly long[] DueMicros = [5_000_000, 11_000_000];

    /// <summary>Most events of one channel that wait for acks; the oldest are given up first, as their clients can ask for history.</summary>
    private const int Capacity = 10_000;

    private readonly Queue<Publication>[] _waiting = [new(), new()];

    /// <summary>True when nothing waits and no timer is needed.</summary>
    public bool IsEmpty => _waiting[0].Count == 0 && _waiting[1].Count == 0;

    /// <summary>Whether events of this name are sent again.</summary>
    public static bool Applies(string eventName) =>
        eventName.StartsWith("task.", StringComparison.Ordinal)
        || eventName.StartsWith("subtask.", StringComparison.Ordinal)
        || eventName.StartsWith("message.", StringComparison.Ordinal);

    /// <summary>Remembers events that were just sent to the channel's subscribers.</summary>
    public void Sent(ReadOnlySpan<Publication> events)
    {
        foreach (var publication in events)
        {
            if (!publication.IsTransient && Applies(publication.Event))
            {
                if (_waiting[0].Count == Capacity)
                {
                    _waiting[0].Dequeue();
                }

                _waiting[0].Enqueue(publication);
            }
        }
    }

    /// <summary>The client has confirmed the event at <paramref name="position"/>.</summary>
    public void Acked(Subscription subscription, StreamPosition position)
    {
        if (!IsEmpty && position.Epoch == subscription.StartedAt.Epoch && position.Offset > subscription.StartedAt.Offset && position.Offset >= OldestOffset())
        {
            (subscription.Acked ??= []).Add(position.Offset);
        }
    }

    /// <summary>What must be sent again now; afterwards acks that no longer matter are forgotten.</summary>
    public void TakeDue(long nowMicros, Subscription[] clients, List<(Subscription Client, Publication Event)> due)
    {
        for (var stage = 1; stage >= 0; stage--)
        {
            while (_waiting[stage].TryPeek(out var publication) && nowMicros - publication.TimestampMicros >= DueMicros[stage])
            {
                _waiting[stage].Dequeue();
                if (publication.ExpiresMicros != 0 && publication.ExpiresMicros <= nowMicros)
                {
                    continue;
                }

                foreach (var client in clients)
                {
                    if (IsOwed(client, publication))
                    {
                        due.Add((client, publication));
                    }
                }

                if (stage == 0)
                {
                    if (_waiting[1].Count == Capacity)
                    {
                        _waiting[1].Dequeue();
                    }

                    _waiting[1].Enqueue(publication);
                }
            }
        }

        var oldest = OldestOffset();
        foreach (var client in clients)
        {
            client.Acked?.RemoveWhere(offset => offset < oldest);
        }
    }

    /// <summary>How many deliveries are unconfirmed (<c>pendingDeliveries</c> of the context listener's <c>/health</c>).</summary>
    public int CountPending(Subscription[] clients)
    {
        var pending = 0;
        foreach (var client in clients)
        {
            foreach (var queue in _waiting)
            {
                foreach (var publication in queue)
                {
                    pending += IsOwed(client, publication) ? 1 : 0;
                }
            }
        }

        return pending;
    }

    private static bool IsOwed(Subscription client, Publication publication) =>
        publication.Position.Offset > client.StartedAt.Offset
        && publication.Position.Epoch == client.StartedAt.Epoch
        && publication.ExcludedConnection != client.Client.Id
        && client.Acked?.Contains(publication.Position.Offset) != true;

    private long OldestOffset()
    {
        if (_waiting[1].TryPeek(out var oldest) || _waiting[0].TryPeek(out oldest))
        {
            return oldest.Position.Offset;
        }

        return long.MaxValue;
    }
}
