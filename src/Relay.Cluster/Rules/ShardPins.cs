namespace Relay.Cluster.Rules;

/// <summary>Where an operator wants a shard to be.</summary>
/// <param name="To">One run of a node: the wish ends with it. Null = wherever it belongs, which is what undoes an earlier wish.</param>
/// <param name="Version">Of two for one shard the higher counts: microseconds since 1970-01-01 UTC, or one more than the one it takes the place of.</param>
/// <param name="By">Who wanted it; for people.</param>
public sealed record ShardPin(int Shard, NodeId? To, long Version, string By);

/// <summary>
/// What operators want of the shards, as one node knows it. Nodes tell each other everything they know, in any order and as often as they like: all come to the same. Plain data, owned by one
/// caller at a time.
/// </summary>
public sealed class ShardPins
{
    private readonly SortedDictionary<int, ShardPin> _pins = [];

    /// <summary>All that is known, what was undone among it: other nodes may not have heard of that.</summary>
    public IReadOnlyCollection<ShardPin> All => _pins.Values;

    /// <summary>The wish for a shard; null when there is none.</summary>
    public ShardPin? Of(int shard) => _pins.TryGetValue(shard, out var pin) && pin.To is not null ? pin : null;

    /// <summary>What <see cref="Ownership.Pin"/> takes.</summary>
    public IReadOnlyDictionary<int, NodeId> InForce => _pins.Values.Where(static pin => pin.To is not null).ToDictionary(static pin => pin.Shard, static pin => pin.To!.Value);

    /// <summary>A new wish, above whatever is known of the shard.</summary>
    public ShardPin Set(int shard, NodeId? to, long nowMicros, string by)
    {
        var pin = new ShardPin(shard, to, Math.Max(nowMicros, _pins.TryGetValue(shard, out var known) ? known.Version + 1 : 0), by);
        _pins[shard] = pin;
        return pin;
    }

    /// <summary>Takes what another node knows; true when it is news.</summary>
    public bool TryTake(ShardPin pin)
    {
        // Two at the same microsecond: any order will do that is the same everywhere.
        if (_pins.TryGetValue(pin.Shard, out var known)
            && (known.Version > pin.Version || (known.Version == pin.Version && string.CompareOrdinal(known.To?.ToString(), pin.To?.ToString()) >= 0)))
        {
            return false;
        }

        _pins[pin.Shard] = pin;
        return true;
    }
}
