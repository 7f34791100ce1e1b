using System.Net;
using Relay.Bench.Measure;
using Relay.Bench.Options;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>Where to connect.</summary>
/// <param name="EndPoint">Address and port.</param>
/// <param name="Authority">Host and port as requests name them.</param>
internal sealed record BenchServer(IPEndPoint EndPoint, string Authority);

/// <summary>What everyone in a run shares. Thread-safe.</summary>
internal sealed class RunState : IDisposable
{
    private readonly ThreadLocal<Lane> _lanes = new(static () => new Lane(), trackAllValues: true);
    private readonly Lock _errorGate = new();
    private readonly int[] _live;
    private Phases _phases = Phases.None;
    private long _lastDelivery;

    public RunState(BenchOptions options, BenchClock clock, uint run, BenchServer server, BenchServer publishTo, IPEndPoint? redis)
    {
        Options = options;
        Clock = clock;
        Marker = new Marker(run);
        Plan = DialectPlan.For(options, Marker);
        Server = server;
        PublishTo = publishTo;
        Redis = redis;
        _live = new int[options.Channels];
    }

    public BenchOptions Options { get; }

    public BenchClock Clock { get; }

    public Marker Marker { get; }

    public DialectPlan Plan { get; }

    /// <summary>Of the subscribers.</summary>
    public BenchServer Server { get; }

    /// <summary>Of the publishers.</summary>
    public BenchServer PublishTo { get; }

    public IPEndPoint? Redis { get; }

    /// <summary>The calling thread's counters.</summary>
    public Lane Lane => _lanes.Value!;

    /// <summary>Set once, before the first publish.</summary>
    public ref Phases Phases => ref _phases;

    /// <summary>First thing that went wrong; null when nothing has.</summary>
    public string? FirstError { get; private set; }

    /// <summary>When the last delivery arrived; for noticing a stall.</summary>
    public long LastDelivery
    {
        get => Volatile.Read(ref _lastDelivery);
        set => Volatile.Write(ref _lastDelivery, value);
    }

    /// <summary>A publisher has room again: set by the load, called by publishers after they took answers.</summary>
    public Action RoomMade { get; set; } = static () => { };

    /// <summary>Subscribers of a channel that are ready now.</summary>
    public int LiveOn(int channel) => Volatile.Read(ref _live[channel]);

    public void SubscriberCame(int channel) => Interlocked.Increment(ref _live[channel]);

    public void SubscriberLeft(int channel) => Interlocked.Decrement(ref _live[channel]);

    /// <summary>Keeps the first error; the others are counted where they happen.</summary>
    public void Fail(string error)
    {
        lock (_errorGate)
        {
            FirstError ??= error;
        }
    }

    /// <summary>All threads' counters added up. Histograms are complete only once nothing is received any more.</summary>
    public Lane Total()
    {
        var total = new Lane();
        foreach (var lane in _lanes.Values)
        {
            total.Add(lane);
        }

        return total;
    }

    /// <summary>Distinct deliveries, and answered publishes, so far; cheap, may be asked at any time.</summary>
    public (long Received, long Answered) Progress()
    {
        var lanes = _lanes.Values;
        return (lanes.Sum(static lane => lane.Received), lanes.Sum(static lane => lane.Accepted + lane.Refused));
    }

    public void Dispose() => _lanes.Dispose();
}
