namespace Relay.Node.WebSockets;

/// <summary>
/// Counts the process's connections against its file limit. One per process, shared by all listeners; thread-safe.
/// <para>
/// A .NET process that runs out of descriptors does not get an error it could handle: starting a thread needs a pipe, and without one the runtime
/// aborts (reliability.md, finding 3). So connections are refused before. There are two counts. <see cref="Open"/> is raised by the accept
/// loop itself, before anything else may run, because that loop can outrun the thread pool; at <see cref="OpenLimit"/> it drops what it accepts.
/// <see cref="Admitted"/> is raised when a connection is first looked at; at <see cref="Limit"/> the client is told 503. A single count
/// would refuse everybody during a flood, those included who were accepted below the limit.
/// </para>
/// </summary>
public sealed class ConnectionGate
{
    private int _open;
    private int _admitted;
    private long _refused;
    private long _dropped;
    private volatile bool _draining;

    /// <param name="limit">Connections served at once.</param>
    /// <param name="band">Connections beyond that may be open while they are refused.</param>
    public ConnectionGate(int limit, int band)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(band);
        Limit = limit;
        OpenLimit = limit + band;
    }

    /// <summary>Connections served at once.</summary>
    public int Limit { get; }

    /// <summary>Connections open at once, those being refused included.</summary>
    public int OpenLimit { get; }

    /// <summary>Connections accepted and not closed yet.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Connections being served.</summary>
    public int Admitted => Volatile.Read(ref _admitted);

    /// <summary>Connections refused with 503.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Connections dropped without an answer.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>While true, upgrades are refused with 503: the node is leaving.</summary>
    public bool IsDraining
    {
        get => _draining;
        set => _draining = value;
    }

    /// <summary>The gate for these options under a file limit.</summary>
    /// <param name="options">Wanted limit and reserve.</param>
    /// <param name="fileLimit">Descriptors the process may open; null when there is no limit or it is not known.</param>
    /// <param name="inUse">Descriptors open now.</param>
    /// <exception cref="InvalidOperationException">The file limit leaves no room for a single client.</exception>
    public static ConnectionGate Create(WebSocketServerOptions options, int? fileLimit, int inUse)
    {
        ArgumentNullException.ThrowIfNull(options);
        var reserve = Math.Max(options.ReservedDescriptors, inUse + options.DescriptorHeadroom) + options.RefusalBand;
        var room = (fileLimit ?? int.MaxValue) - reserve;
        if (room < 1)
        {
            throw new InvalidOperationException(
                $"The process may open {fileLimit} files and needs {reserve} of them for itself: no room for connections. Raise the limit with 'ulimit -n'.");
        }

        return new ConnectionGate(Math.Min(options.MaxConnections ?? int.MaxValue, room), options.RefusalBand);
    }

    /// <summary>For the accept loop: false = drop it at once. True must be followed by one <see cref="Leave"/>.</summary>
    internal bool TryEnter()
    {
        if (Interlocked.Increment(ref _open) <= OpenLimit)
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        Interlocked.Increment(ref _dropped);
        return false;
    }

    /// <summary>The connection is about to be closed.</summary>
    internal void Leave() => Interlocked.Decrement(ref _open);

    /// <summary>False = tell it 503. True must be followed by one <see cref="Release"/>.</summary>
    internal bool TryAdmit()
    {
        if (Interlocked.Increment(ref _admitted) <= Limit)
        {
            return true;
        }

        Interlocked.Decrement(ref _admitted);
        Interlocked.Increment(ref _refused);
        return false;
    }

    /// <summary>An admitted connection ends.</summary>
    internal void Release() => Interlocked.Decrement(ref _admitted);
}
