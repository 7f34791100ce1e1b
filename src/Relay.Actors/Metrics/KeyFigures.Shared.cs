using System.Runtime.InteropServices;

namespace Relay.Actors.Metrics;

/// <content>
/// In a cluster: every node tells the others what passed its channels, so that all have the same figures and whoever owns channel <c>metrics</c> can say them. A task may begin on
/// one node's channel and end on another's, so events are told, not sums.
/// </content>
public sealed partial class KeyFigures
{
    /// <summary>Events of one report; a node has more only when tasks are created by the ten thousand in a second, and then only the pending and running ones are wrong.</summary>
    private const int MaxNotes = 10_000;

    private const int MaxId = 256;

    /// <summary>Beyond what a node's report is under way.</summary>
    private const long LateMicros = 10_000_000;

    private readonly Dictionary<string, (long AtMicros, bool IsCompleted)> _endedEarly = new(StringComparer.Ordinal);

    private Pending? _told;

    /// <summary>What passes from now on is gathered for others.</summary>
    internal void Share()
    {
        lock (_gate)
        {
            _told ??= new Pending();
        }
    }

    /// <summary>An event of a connection of this node passes a channel, wherever that is.</summary>
    internal void CountAction(long atMicros)
    {
        lock (_gate)
        {
            _actions.Add(atMicros, 1);
            _told?.Add(atMicros, isMessage: false, note: null);
        }
    }

    /// <summary>What passed since the last call.</summary>
    internal FigureReport TakeReport(long nowMicros)
    {
        lock (_gate)
        {
            foreach (var (id, (at, _)) in _endedEarly)
            {
                if (nowMicros - at > LateMicros)
                {
                    _endedEarly.Remove(id);
                }
            }

            return _told?.Take() ?? new FigureReport([], []);
        }
    }

    /// <summary>What passed on another node.</summary>
    internal void Add(FigureReport report)
    {
        lock (_gate)
        {
            foreach (var count in report.Counts)
            {
                CounterOf(count.Counter)?.Add(count.AtMicros, count.Amount);
            }

            foreach (ref readonly var note in CollectionsMarshal.AsSpan(report.Notes))
            {
                Take(note);
            }
        }
    }

    /// <summary>All that is known, for a node that knows nothing yet.</summary>
    internal FigureReport All(long nowMicros)
    {
        lock (_gate)
        {
            Forget(nowMicros);
            var report = new FigureReport([], []);
            foreach (var counter in Enum.GetValues<FigureCounter>())
            {
                report.Counts.AddRange(CounterOf(counter)!.All(nowMicros).Select(one => new FigureCount(counter, one.AtMicros, one.Amount)));
            }

            foreach (var (id, task) in _tasks)
            {
                report.Notes.Add(new FigureNote(FigureKind.TaskCreated, id, null, task.CreatedMicros));
                report.Notes.Add(new FigureNote(FigureKind.TaskUpdated, id, task.Phase == TaskPhase.Running ? "running" : "pending", task.SeenMicros));
            }

            foreach (var (agent, times) in _agents)
            {
                report.Notes.AddRange(Enumerable.Repeat(new FigureNote(FigureKind.AgentConnected, agent, null, nowMicros), times));
            }

            return report;
        }
    }

    // The end of a task on one node may be told before its beginning on another.
    private bool IsLate(in FigureNote note, string id)
    {
        if (note.Kind is FigureKind.TaskCompleted or FigureKind.TaskFailed)
        {
            if (!_tasks.ContainsKey(id) && _endedEarly.Count < MaxNotes)
            {
                _endedEarly[id] = (note.AtMicros, note.Kind == FigureKind.TaskCompleted);
            }

            return false;
        }

        if (!_endedEarly.TryGetValue(id, out var ended) || note.AtMicros > ended.AtMicros)
        {
            return false;
        }

        if (note.Kind == FigureKind.TaskCreated && ended.IsCompleted)
        {
            _durations.Add(ended.AtMicros, (ended.AtMicros - note.AtMicros) / 1000);
        }

        return true;
    }

    private BucketCounter? CounterOf(FigureCounter counter) => counter switch
    {
        FigureCounter.Actions => _actions,
        FigureCounter.Messages => _messages,
        FigureCounter.Completed => _completed,
        FigureCounter.Durations => _durations.Times,
        FigureCounter.DurationMilliseconds => _durations.Milliseconds,
        _ => null,
    };

    private sealed class Pending
    {
        private const long Second = 1_000_000;

        private readonly Dictionary<long, (long Actions, long Messages)> _bySecond = [];
        private List<FigureNote> _notes = [];

        public void Add(long atMicros, bool isMessage, FigureNote? note)
        {
            ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_bySecond, atMicros / Second, out _);
            counts = (counts.Actions + 1, counts.Messages + (isMessage ? 1 : 0));
            if (note is { } told && _notes.Count < MaxNotes && told.Id is not { Length: > MaxId })
            {
                _notes.Add(told);
            }
        }

        public FigureReport Take()
        {
            var report = new FigureReport([], _notes);
            foreach (var (second, (actions, messages)) in _bySecond)
            {
                report.Counts.Add(new FigureCount(FigureCounter.Actions, second * Second, actions));
                if (messages > 0)
                {
                    report.Counts.Add(new FigureCount(FigureCounter.Messages, second * Second, messages));
                }
            }

            _bySecond.Clear();
            _notes = [];
            return report;
        }
    }
}
