namespace Relay.Actors;

/// <summary>The settings in force: one immutable snapshot, swapped whole when the configuration is read again. Thread-safe.</summary>
/// <param name="first">Those at the start.</param>
public sealed class LiveSettings(RelaySettings first)
{
    private RelaySettings _current = first;

    /// <summary>The snapshot. Who needs two values that belong together reads it once.</summary>
    public RelaySettings Current => Volatile.Read(ref _current);

    /// <summary>Takes <paramref name="next"/> in its place, under this node's own name.</summary>
    public void Take(RelaySettings next) => Volatile.Write(ref _current, next with { NodeId = _current.NodeId });

    /// <summary>Settings that nobody changes.</summary>
    public static implicit operator LiveSettings(RelaySettings settings) => new(settings);
}

/// <summary>
/// The settings of one channel's namespace, looked up again only after the snapshot was swapped: otherwise one comparison. Owned by the channel's actor, in a field that is not readonly.
/// </summary>
internal struct NamespaceView(LiveSettings live, string channel)
{
    private RelaySettings? _seen;
    private NamespaceSettings? _current;

    /// <summary>Those in force.</summary>
    public NamespaceSettings Current
    {
        get
        {
            _ = HasChanged();
            return _current!;
        }
    }

    /// <summary>True when they are others than at the last look; true at the first.</summary>
    public bool HasChanged()
    {
        var snapshot = live.Current;
        if (ReferenceEquals(snapshot, _seen))
        {
            return false;
        }

        var before = _current;
        _seen = snapshot;
        _current = snapshot.For(channel);
        return before != _current;
    }
}
