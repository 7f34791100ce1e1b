using Microsoft.Extensions.Logging;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Connections;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Kernel;
using Relay.Storage;

namespace Relay.Simulation.Tests;

/// <summary>One run of a node: a whole relay, whose turns, timers and answers wait while it is paused, and never come once it is over.</summary>
internal sealed class SimNode
{
    private readonly SimWorld _world;
    private readonly Queue<Action> _asleep = new();
    private readonly SimEngine _engine;
    private readonly Task _joined;
    private Task<bool>? _leaving;
    private int _pauses;
    private int _deaf;

    public SimNode(SimWorld world, NodeId id, int seed)
    {
        _world = world;
        Id = id;
        var random = new Random(seed);
        var bits = new Random(random.Next());
        _engine = new SimEngine(world, this);
        var time = new NodeTime(this);
        Relay = new RelaySystem(new RelayParts
        {
            Live = Settings(world, id.Name),
            Authenticator = Anybody.Instance,
            Archive = new MemoryChannelArchive(1000),
            Journals = new ChannelJournals(Sql: new SimJournal(world, this)) { Metrics = world.JournalMetrics },
            RandomBits = () => (ulong)bits.NextInt64(1, long.MaxValue),
            Loggers = new NodeLog(this),
            Cluster = new ClusterParts(_engine, id.Incarnation) { Shards = world.Shards },
            Kernel = new ActorSystemOptions { Time = time, Dispatcher = new NodeDispatcher(this), Random = new Random(random.Next()), Throughput = 1 + random.Next(5) },
        });
        _joined = Relay.Cluster!.JoinAsync(CancellationToken.None);
        if (!_joined.IsCompletedSuccessfully)
        {
            throw world.Broken($"{id} did not begin to join", _joined.Exception);
        }
    }

    public NodeId Id { get; }

    public RelaySystem Relay { get; }

    /// <summary>Set by the relay when it joins.</summary>
    public IClusterListener? Listener { get; set; }

    /// <summary>Crashed, or left.</summary>
    public bool IsOver { get; private set; }

    public bool IsPaused => _pauses > 0;

    public bool IsLeaving => _leaving is not null;

    /// <summary>Now, or when the pause is over, or never.</summary>
    public void Run(Action action)
    {
        if (IsOver)
        {
            return;
        }

        if (IsPaused)
        {
            _asleep.Enqueue(action);
            return;
        }

        action();
    }

    public void Pause(double milliseconds)
    {
        _world.Note($"{Id} pauses for {milliseconds}");
        _pauses++;
        _world.After(milliseconds, () =>
        {
            _pauses--;
            while (!IsPaused && _asleep.TryDequeue(out var action))
            {
                Run(action);
            }
        });
    }

    public void Crash()
    {
        if (!IsOver)
        {
            _world.Note($"{Id} is over");
            IsOver = true;
            _asleep.Clear();
            _ = Relay.Cluster!.StopAsync().AsTask();
        }
    }

    /// <summary>Hands its shards over and ends; when that takes too long it ends all the same.</summary>
    public void Leave() => Run(() =>
    {
        _world.Note($"{Id} leaves");
        _leaving ??= Relay.Cluster!.LeaveAsync(TimeSpan.FromSeconds(12));
        WatchLeaving();
    });

    public void Hear(byte[] frame)
    {
        if (_deaf == 0)
        {
            Listener!.OnFrame(frame);
        }
    }

    /// <summary>Its inbox hears nothing for a while.</summary>
    public void LoseInbox(double milliseconds)
    {
        _world.Note($"{Id} hears nothing for {milliseconds}");
        _deaf++;
        Run(() => Listener!.OnInboxLost());
        _world.After(milliseconds, () => Run(() =>
        {
            if (--_deaf == 0)
            {
                Listener!.OnInboxRestored();
            }
        }));
    }

    private void WatchLeaving()
    {
        if (_leaving!.IsCompleted)
        {
            Crash();
        }
        else
        {
            _world.After(50, () => Run(WatchLeaving));
        }
    }

    private static RelaySettings Settings(SimWorld world, string name) => new()
    {
        NodeId = name,
        MetricsInterval = TimeSpan.FromHours(1),
        DefaultNamespace = new NamespaceSettings { HistoryLength = world.HistoryLength },
        Namespaces = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal)
        {
            ["projects"] = new() { Durability = Durability.Sql, HistoryLength = world.HistoryLength },
        },
    };

    private sealed class Anybody : IAuthenticator
    {
        public static Anybody Instance { get; } = new();

        public bool IsRequired => false;

        public Principal? Verify(string credential) => null;
    }

    private sealed class NodeTime(SimNode node) : TimeProvider
    {
        public override long TimestampFrequency => node._world.Time.TimestampFrequency;

        public override long GetTimestamp() => node._world.Time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => node._world.Time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            node._world.Time.CreateTimer(_ => node.Run(() => callback(state)), state: null, dueTime, period);
    }

    private sealed class NodeDispatcher(SimNode node) : IDispatcher
    {
        public bool InlineContinuations => true;

        public void Schedule(IActorTurn turn) => node._world.Dispatcher.Schedule(new NodeTurn(node, turn));
    }

    private sealed class NodeTurn(SimNode node, IActorTurn turn) : IActorTurn
    {
        public long Id => turn.Id;

        public ActorPath Path => turn.Path;

        public void Execute()
        {
            if (node.IsPaused)
            {
                node.Run(() => node._world.Dispatcher.Schedule(this));
            }
            else if (!node.IsOver)
            {
                turn.Execute();
            }
        }
    }

    /// <summary>Whatever a node calls an error is one.</summary>
    private sealed class NodeLog(SimNode node) : ILoggerFactory, ILogger
    {
        private const int UnreadableByKeeper = 211;
        private const int UnreadableByLinks = 220;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
            // There is only this one.
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error || node._world.Log is not null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            node._world.Note($"{node.Id}: {formatter(state, exception)}");
            if (logLevel >= LogLevel.Error && !(node._world.Network.SpoilsMessages && eventId.Id is UnreadableByKeeper or UnreadableByLinks))
            {
                _ = node._world.Broken($"{node.Id}: {formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
            // Holds nothing.
        }
    }
}
