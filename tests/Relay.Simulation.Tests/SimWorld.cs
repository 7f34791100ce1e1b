using System.Diagnostics.Metrics;
using Relay.Actors.Channels;
using Relay.Cluster;
using Relay.Cluster.TestKit;
using Relay.History;
using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;
using Relay.Storage.Journals;

namespace Relay.Simulation.Tests;

/// <summary>The first rule that a schedule broke.</summary>
internal sealed class BrokenRuleException(string message, Exception? inner = null, CheckReport? report = null) : Exception(message, inner)
{
    /// <summary>What is wrong with what the clients saw; null when it is something else.</summary>
    public CheckReport? Report => report;
}

/// <summary>
/// Several whole nodes in virtual time, on one thread: what they share (the cluster's store, the network between them, the journal), their clients, and the book of what the
/// clients saw. The same seed gives the same run, to the last byte.
/// </summary>
internal sealed class SimWorld
{
    private static readonly JournalMetrics Metrics = new(new Meter(JournalMetrics.MeterName));

    private readonly Random _seeds;
    private BrokenRuleException? _broken;
    private long _incarnations;

    public SimWorld(int seed, Controls controls)
    {
        Seed = seed;
        Controls = controls;
        _seeds = new Random(seed);
        Random = new Random(_seeds.Next());
        Dispatcher = new DeterministicDispatcher(_seeds.Next()) { MaxTurnsPerRun = 300_000 };
        Time = new ManualTime { Settle = Settle };
        Network = new SimNetwork(this);
        JournalMetrics = Metrics;
        Journal = controls.JournalIgnoresOwners ? new CarelessJournal() : new MemoryJournal();
    }

    public int Seed { get; }

    public Controls Controls { get; }

    /// <summary>Of the world: faults, delays, what clients do.</summary>
    public Random Random { get; }

    public ManualTime Time { get; }

    public DeterministicDispatcher Dispatcher { get; }

    public SimNetwork Network { get; }

    /// <summary>The cluster's.</summary>
    public SimulatedStore Store { get; } = new();

    /// <summary>Of all durable channels; survives every node.</summary>
    public IJournal Journal { get; }

    /// <summary>The highest fence under which each stream was opened.</summary>
    public Dictionary<string, long> Fences { get; } = new(StringComparer.Ordinal);

    /// <summary>Once it is checked.</summary>
    public CheckReport? Report { get; set; }

    public JournalMetrics JournalMetrics { get; }

    public List<SimNode> Nodes { get; } = [];

    public IEnumerable<SimNode> Living => Nodes.Where(static node => !node.IsOver);

    public List<SimClient> Clients { get; } = [];

    /// <summary>What the clients did and saw, in one order.</summary>
    public List<HistoryEntry> History { get; } = [];

    /// <summary>Not null where somebody wants to read what happened.</summary>
    public List<string>? Log { get; init; }

    /// <summary>Nothing happens that nobody meant.</summary>
    public bool IsPlanned { get; set; }

    public int Shards { get; init; } = 4;

    public int HistoryLength { get; init; } = 1000;

    public SimNode Add(string name)
    {
        // The microseconds since the start make it known in logs which run it is.
        var node = new SimNode(this, new NodeId(name, (ulong)++_incarnations), _seeds.Next());
        Nodes.Add(node);
        Note($"{node.Id} starts");
        return node;
    }

    public SimNode? Find(NodeId id) => Nodes.Find(node => node.Id == id && !node.IsOver);

    public void After(double milliseconds, Action action) =>
        Time.CreateTimer(_ => action(), state: null, TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);

    public void Advance(double milliseconds)
    {
        Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        ThrowIfBroken();
    }

    public void Record(HistoryEntry entry)
    {
        History.Add(entry);
        Log?.Add($"{Time.Elapsed.TotalMilliseconds:f1} {entry}");
    }

    public void Note(string what) => Log?.Add($"{Time.Elapsed.TotalMilliseconds:f1} {what}");

    /// <summary>Keeps the first.</summary>
    public BrokenRuleException Broken(string rule, Exception? inner = null)
    {
        var broken = new BrokenRuleException($"seed {Seed} at {Time.Elapsed.TotalMilliseconds:f1} ms: {rule}", inner, Report);
        _broken ??= broken;
        return broken;
    }

    public void ThrowIfBroken()
    {
        if (_broken is not null)
        {
            throw _broken;
        }
    }

    /// <summary>Runs all that can run now: the nodes' actors and the clients.</summary>
    public void Settle()
    {
        bool ran;
        do
        {
            ran = Dispatcher.RunUntilIdle() > 0;
            foreach (var client in Clients)
            {
                ran |= client.Pump();
            }
        }
        while (ran);
    }
}

/// <summary>Rules that are broken on purpose, to see that it is found out.</summary>
internal sealed record Controls
{
    /// <summary>The journal takes whatever comes, from whomever, in place of what it had.</summary>
    public bool JournalIgnoresOwners { get; init; }

    /// <summary>The journal says that it has stored what it is about to store.</summary>
    public bool JournalAnswersBeforeItStores { get; init; }

    /// <summary>The old owner's answers are not waited for: they do not arrive.</summary>
    public bool AnswersAreLost { get; init; }
}
