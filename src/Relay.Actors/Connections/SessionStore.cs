namespace Relay.Actors.Connections;

/// <summary>
/// The sessions that can be taken up again: those whose connection has ended, for a while, and who owns those that were taken up. A session that is still
/// its first connection's own stands nowhere: <see cref="ConnectionRegistry"/> finds that connection by the session's number. Thread-safe.
/// <para>
/// Bounded three ways: by age, number and memory; what is too much goes oldest first.
/// </para>
/// </summary>
/// <param name="window">How long a session is kept after its connection ended; zero = not at all.</param>
/// <param name="time">Clock.</param>
internal sealed class SessionStore(TimeSpan window, TimeProvider time)
{
    /// <summary>Ended sessions.</summary>
    internal const int MaxSessions = 100_000;

    /// <summary>Memory of all ended sessions together, as they weigh themselves.</summary>
    internal const long MaxWeight = 64L << 20;

    /// <summary>One session may not push out thousands of others.</summary>
    internal const int MaxSessionWeight = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, LinkedListNode<Ended>> _ended = [];
    private readonly LinkedList<Ended> _byAge = [];
    private readonly Dictionary<long, ClientConnection> _owners = [];
    private long _weight;

    /// <summary>Ended sessions that can be taken up.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _ended.Count;
            }
        }
    }

    /// <summary>The connection that took up a session and lives; null when none did.</summary>
    public ClientConnection? OwnerOf(long session)
    {
        lock (_gate)
        {
            return _owners.GetValueOrDefault(session);
        }
    }

    /// <summary>From now on the session is this connection's.</summary>
    public void Own(long session, ClientConnection owner)
    {
        lock (_gate)
        {
            Remove(session);
            _owners[session] = owner;
        }
    }

    /// <summary>
    /// Keeps the session of a connection that ends; null when it leaves none. It owns nothing from now on.
    /// </summary>
    public void End(ClientConnection connection, SessionRecord? record)
    {
        lock (_gate)
        {
            if (_owners.TryGetValue(connection.Session, out var owner))
            {
                if (owner != connection)
                {
                    return;
                }

                _owners.Remove(connection.Session);
            }

            if (record is not null)
            {
                Add(record);
            }
        }
    }

    /// <summary>Keeps a session that ended on another node. No effect where a connection of this one has it already.</summary>
    public void Keep(SessionRecord record)
    {
        lock (_gate)
        {
            if (!_owners.ContainsKey(record.Session))
            {
                Add(record);
            }
        }
    }

    /// <summary>All ended sessions, oldest first; none is left.</summary>
    public List<SessionRecord> TakeAll()
    {
        lock (_gate)
        {
            RemoveOld();
            List<SessionRecord> all = [.. _byAge.Select(static one => one.Record)];
            _ended.Clear();
            _byAge.Clear();
            _weight = 0;
            return all;
        }
    }

    /// <summary>
    /// Gives an ended session to <paramref name="taker"/>, who owns it then (null: somebody elsewhere); null when there is none, or when <paramref name="mayTake"/> refuses, which
    /// leaves it where it is.
    /// </summary>
    public SessionRecord? Take(long session, ClientConnection? taker, Func<SessionRecord, bool> mayTake, out bool refused)
    {
        refused = false;
        lock (_gate)
        {
            RemoveOld();
            if (!_ended.TryGetValue(session, out var node))
            {
                return null;
            }

            var record = node.Value.Record;
            refused = !mayTake(record);
            if (refused)
            {
                return null;
            }

            Remove(session);
            if (taker is not null)
            {
                _owners[session] = taker;
            }

            return record;
        }
    }

    /// <summary>Forgets what is too old.</summary>
    public void Prune()
    {
        lock (_gate)
        {
            RemoveOld();
        }
    }

    private void Add(SessionRecord record)
    {
        var weight = record.Weight;
        if (window <= TimeSpan.Zero || weight > MaxSessionWeight)
        {
            return;
        }

        Remove(record.Session);
        _ended[record.Session] = _byAge.AddLast(new Ended(record, weight, time.GetTimestamp()));
        _weight += weight;
        while (_ended.Count > MaxSessions || _weight > MaxWeight)
        {
            Remove(_byAge.First!.Value.Record.Session);
        }
    }

    private void RemoveOld()
    {
        while (_byAge.First is { } oldest && time.GetElapsedTime(oldest.Value.At) >= window)
        {
            Remove(oldest.Value.Record.Session);
        }
    }

    private void Remove(long session)
    {
        if (_ended.Remove(session, out var node))
        {
            _byAge.Remove(node);
            _weight -= node.Value.Weight;
        }
    }

    private sealed record Ended(SessionRecord Record, int Weight, long At);
}
