namespace Relay.Actors.Channels;

/// <summary>
/// Publish ids a channel has accepted, for a bounded time and number (guarantees.md 3: 10 minutes, 10,000 ids). Ids are scoped by publisher,
/// so nobody can hide another's publish by guessing its id (reliability.md S26).
/// </summary>
internal sealed class DedupeWindow(int capacity, TimeSpan age)
{
    private readonly long _ageMicros = age.Ticks / TimeSpan.TicksPerMicrosecond;
    private Dictionary<(string Scope, string Id), long>? _offsets;
    private Queue<(string Scope, string Id, long AtMicros)>? _order;

    public int Count => _offsets?.Count ?? 0;

    public bool TryGet(string scope, string id, long nowMicros, out long offset)
    {
        Prune(nowMicros);
        offset = 0;
        return _offsets is not null && _offsets.TryGetValue((scope, id), out offset);
    }

    public void Add(string scope, string id, long offset, long nowMicros)
    {
        if (capacity == 0)
        {
            return;
        }

        _offsets ??= [];
        _order ??= new Queue<(string, string, long)>();
        if (_order.Count == capacity)
        {
            Drop();
        }

        _offsets.Add((scope, id), offset);
        _order.Enqueue((scope, id, nowMicros));
    }

    public void Prune(long nowMicros)
    {
        while (_order is { Count: > 0 } && nowMicros - _order.Peek().AtMicros >= _ageMicros)
        {
            Drop();
        }
    }

    private void Drop()
    {
        var (scope, id, _) = _order!.Dequeue();
        _offsets!.Remove((scope, id));
    }
}
