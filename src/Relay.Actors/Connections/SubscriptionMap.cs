using System.Diagnostics.CodeAnalysis;
using Relay.Actors.Fanout;
using Relay.Actors.Metrics;

namespace Relay.Actors.Connections;

/// <summary>
/// A connection's subscriptions by entity: by channel, and apart from the channels by pattern, because context has channels named <c>topics/*</c>, which an
/// agent may bring along into a native connection, where that is a pattern.
/// <para>
/// Nearly every connection has one to three, for which a dictionary of its own would be a third of what an idle connection costs here; so it begins as an
/// array and becomes a dictionary where searching it would be felt. Owned by the connection's actor.
/// </para>
/// </summary>
/// <param name="traffic">Where they are counted.</param>
internal sealed class SubscriptionMap(ClientTraffic traffic)
{
    private const int MaxSearched = 8;

    private Subscription[] _few = [];
    private Dictionary<string, Subscription>? _many;

    public int Count => _many?.Count ?? _few.Length;

    public IEnumerable<Subscription> Values => _many is null ? _few : _many.Values;

    public bool TryGet(string entity, [NotNullWhen(true)] out Subscription? subscription)
    {
        if (_many is not null)
        {
            return _many.TryGetValue(entity, out subscription);
        }

        var index = IndexOf(entity);
        subscription = index < 0 ? null : _few[index];
        return subscription is not null;
    }

    /// <summary>Adds it, or puts it in the place of the entity's former one.</summary>
    public void Set(Subscription subscription)
    {
        var before = Count;
        Place(subscription);
        traffic.Add(ClientCounter.Subscriptions, Count - before);
    }

    public bool Remove(string entity, [NotNullWhen(true)] out Subscription? subscription)
    {
        if (!TryTakeOut(entity, out subscription))
        {
            return false;
        }

        traffic.Add(ClientCounter.Subscriptions, -1);
        return true;
    }

    public void Clear()
    {
        traffic.Add(ClientCounter.Subscriptions, -Count);
        _few = [];
        _many = null;
    }

    private void Place(Subscription subscription)
    {
        if (_many is not null)
        {
            _many[subscription.Entity] = subscription;
        }
        else if (IndexOf(subscription.Entity) is var index and >= 0)
        {
            _few[index] = subscription;
        }
        else if (_few.Length < MaxSearched)
        {
            _few = [.. _few, subscription];
        }
        else
        {
            _many = _few.ToDictionary(static known => known.Entity, StringComparer.Ordinal);
            _many[subscription.Entity] = subscription;
            _few = [];
        }
    }

    private bool TryTakeOut(string entity, [NotNullWhen(true)] out Subscription? subscription)
    {
        if (_many is not null)
        {
            return _many.Remove(entity, out subscription);
        }

        if (!TryGet(entity, out subscription))
        {
            return false;
        }

        var removed = subscription;
        _few = [.. _few.Where(known => known != removed)];
        return true;
    }

    private int IndexOf(string entity)
    {
        for (var i = 0; i < _few.Length; i++)
        {
            if (_few[i].Entity == entity)
            {
                return i;
            }
        }

        return -1;
    }
}
