using Relay.Cluster;
using Relay.Cluster.TestKit;

namespace Relay.Simulation.Tests;

/// <summary>Delays and losses between the nodes, and between a node and the servers it uses.</summary>
internal sealed class SimNetwork(SimWorld world)
{
    private readonly Dictionary<(NodeId From, NodeId To), TimeSpan> _lastArrival = [];
    private readonly HashSet<(string From, string To)> _cut = [];

    /// <summary>0 for a good network, 1 for a bad one.</summary>
    public double Badness { get; set; }

    public bool IsStoreUp { get; set; } = true;

    public bool IsJournalUp { get; set; } = true;

    /// <summary>Now and then a message is none that any node writes: the link begins anew. Such a node says so, as an error.</summary>
    public bool SpoilsMessages { get; set; }

    /// <summary>Microseconds by which the store's clock is wrong.</summary>
    public long StoreClockError { get; set; }

    public bool Happens(double chance) => world.Random.NextDouble() < chance * Badness;

    public void Cut(string from, string to) => _cut.Add((from, to));

    public void Mend(string from, string to) => _cut.Remove((from, to));

    public void MendAll()
    {
        _cut.Clear();
        Badness = 0;
        IsStoreUp = true;
        IsJournalUp = true;
    }

    /// <summary>Milliseconds: mostly a few tenths, sometimes long, seldom beyond what anybody waits for.</summary>
    public double Delay() => Happens(0.005) ? world.Random.Next(1000, 4000) : Happens(0.05) ? world.Random.Next(5, 500) : 0.2 + (world.Random.Next(30) / 10.0);

    /// <summary>A frame from one node to another: in order as long as the way is the same, and lost now and then.</summary>
    public void Carry(SimNode from, NodeId to, byte[] frame)
    {
        if (Happens(0.02) || _cut.Contains((from.Id.Name, to.Name)))
        {
            return;
        }

        if (SpoilsMessages && Happens(0.01))
        {
            Spoil(frame);
        }

        var at = world.Time.Elapsed + TimeSpan.FromMilliseconds(Delay());
        if (_lastArrival.TryGetValue((from.Id, to), out var last) && at <= last)
        {
            at = last + TimeSpan.FromTicks(1);
        }

        _lastArrival[(from.Id, to)] = at;
        world.After((at - world.Time.Elapsed).TotalMilliseconds, () =>
        {
            if (world.Find(to) is { } receiver)
            {
                receiver.Run(() => receiver.Hear(frame));
            }
        });
    }

    // The first byte of a frame's first message says what it is; a frame is described in LinkFrame.
    private static void Spoil(byte[] frame)
    {
        const int Data = 2;
        var first = 36 + frame[3] + sizeof(int);
        if (frame[1] == Data && first < frame.Length)
        {
            frame[first] = 0xee;
        }
    }

    /// <summary>One step of the cluster's store; tells all nodes when something changed.</summary>
    public T OnStore<T>(Func<SimulatedStore, T> step)
    {
        var store = world.Store;
        store.Clock = ((world.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond) + StoreClockError;
        var before = store.Version;
        var answer = step(store);
        if (store.Version != before)
        {
            var version = store.Version;
            foreach (var node in world.Living)
            {
                if (!Happens(0.1))
                {
                    world.After(Delay(), () => node.Run(() => node.Listener?.OnChanged(version)));
                }
            }
        }

        return answer;
    }
}
