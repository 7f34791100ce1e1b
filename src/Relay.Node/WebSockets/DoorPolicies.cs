namespace Relay.Node.WebSockets;

/// <summary>The pages and host names that are let in, exchanged whole when the configuration is read again. Thread-safe.</summary>
public sealed class DoorPolicies
{
    private Snapshot _current;

    /// <param name="origins">For <see cref="OriginPolicy"/>.</param>
    /// <param name="hosts">For <see cref="HostPolicy"/>.</param>
    public DoorPolicies(IReadOnlyList<string> origins, IReadOnlyList<string> hosts) => _current = new Snapshot(new OriginPolicy(origins), new HostPolicy(hosts));

    /// <summary>Which pages may come.</summary>
    public OriginPolicy Origins => Volatile.Read(ref _current).Origins;

    /// <summary>By which names the node may be asked.</summary>
    public HostPolicy Hosts => Volatile.Read(ref _current).Hosts;

    /// <summary>Others from now on.</summary>
    public void Take(IReadOnlyList<string> origins, IReadOnlyList<string> hosts) => Volatile.Write(ref _current, new Snapshot(new OriginPolicy(origins), new HostPolicy(hosts)));

    private sealed record Snapshot(OriginPolicy Origins, HostPolicy Hosts);
}
