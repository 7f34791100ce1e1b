using System.Collections.Concurrent;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>The open connections of this node. Thread-safe; read for counts, heartbeats and keep-alive.</summary>
public sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<long, ClientConnection> _connections = new();
    private readonly int[] _byKind = new int[(int)DialectKind.Sse + 1];
    private long _lastId;
    private volatile bool _isLeaving;

    /// <summary>
    /// True once the node closes its connections, one after the other: from then on no publish is acked, because an event of that moment may find some of its
    /// subscribers closed already. Its publisher learns nothing, comes back and repeats it under its id (guarantees.md 3, 10).
    /// </summary>
    public bool IsLeaving
    {
        get => _isLeaving;
        internal set => _isLeaving = value;
    }

    /// <summary>All connections.</summary>
    public int Count => _byKind.Sum();

    /// <summary>A snapshot-free walk over the connections; those that come or go meanwhile may be in it or not.</summary>
    public IEnumerable<ClientConnection> All => _connections.Select(static pair => pair.Value);

    /// <summary>Connections of the given dialects.</summary>
    public int CountOf(params ReadOnlySpan<DialectKind> kinds)
    {
        var sum = 0;
        foreach (var kind in kinds)
        {
            sum += Volatile.Read(ref _byKind[(int)kind]);
        }

        return sum;
    }

    /// <summary>The open connection of this number; null when there is none.</summary>
    internal ClientConnection? Find(long id) => _connections.GetValueOrDefault(id);

    internal long NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Numbers from above <paramref name="first"/> on: an event names the connection that must not get it back, and nodes of a cluster must not mean different ones by the same number.</summary>
    internal void NumberFrom(long first) => _lastId = first;

    internal void Add(ClientConnection connection)
    {
        if (_connections.TryAdd(connection.Id, connection))
        {
            Interlocked.Increment(ref _byKind[(int)connection.Kind]);
        }
    }

    internal void Remove(ClientConnection connection)
    {
        if (_connections.TryRemove(connection.Id, out _))
        {
            Interlocked.Decrement(ref _byKind[(int)connection.Kind]);
        }
    }
}
