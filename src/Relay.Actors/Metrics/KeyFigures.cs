using System.Buffers;
using System.Text.Json;
using Relay.Protocol;

namespace Relay.Actors.Metrics;

/// <summary>
/// The key figures of channel <c>metrics</c>, derived from the events that pass (protocols.md, <c>context</c>). Bounded: a task is forgotten a day after it
/// was last heard of, and at most 100,000 are known at once.
/// <para>
/// Thread-safe: every channel of the node counts here, under one lock. An event needs it for some ten nanoseconds; as a message to an actor it would
/// cost an envelope and, for most, a wake-up and a turn.
/// </para>
/// </summary>
public sealed partial class KeyFigures
{
    private const int MaxTasks = 100_000;
    private const long Hour = 3_600_000_000;
    private const long Minute = 60_000_000;
    private const long Day = 24 * Hour;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TaskFigures> _tasks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _agents = new(StringComparer.Ordinal);
    private readonly BucketCounter _completed = new(Hour);
    private readonly BucketCounter _messages = new(Hour);
    private readonly BucketCounter _actions = new(Minute);
    private readonly BucketSum _durations = new(Hour);
    private int _pending;
    private int _running;

    private enum TaskPhase
    {
        Pending,
        Running,
    }

    internal void Apply(Publication publication)
    {
        var name = publication.Event;
        if (name == "metric.update")
        {
            return;
        }

        // Payloads are read before the lock.
        var note = NoteOf(publication);
        lock (_gate)
        {
            _actions.Add(publication.TimestampMicros, 1);
            var isMessage = name is "message.new" or "chat_message" or "agent_response";
            if (note is { } told)
            {
                Take(told);
            }
            else if (isMessage)
            {
                _messages.Add(publication.TimestampMicros, 1);
            }

            _told?.Add(publication.TimestampMicros, isMessage, note);
        }
    }

    /// <summary>The data of one <c>metric.update</c>.</summary>
    /// <param name="nowMicros">The time.</param>
    /// <param name="activeSessions">Chat sessions.</param>
    /// <param name="agents">Agents that are known by their connections; null = by their events alone.</param>
    internal byte[] ToJson(long nowMicros, int activeSessions, IReadOnlySet<string>? agents = null)
    {
        lock (_gate)
        {
            return Write(nowMicros, activeSessions, agents is null ? _agents.Count : agents.Count + _agents.Keys.Count(agent => !agents.Contains(agent)));
        }
    }

    private byte[] Write(long nowMicros, int activeSessions, int activeAgents)
    {
        Forget(nowMicros);
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("active_sessions", activeSessions);
            json.WriteNumber("active_agents", activeAgents);
            json.WriteNumber("pending_tasks", _pending);
            json.WriteNumber("running_tasks", _running);
            json.WriteNumber("completed_tasks_last_hour", _completed.Sum(nowMicros));
            json.WriteNumber("messages_last_hour", _messages.Sum(nowMicros));
            json.WriteNumber("actions_per_minute", _actions.Sum(nowMicros));
            json.WriteNumber("avg_task_duration_ms", _durations.AverageMilliseconds(nowMicros));
            json.WriteNumber("timestamp", nowMicros / 1000);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    private void ApplyAgent(string agent, bool connected)
    {
        var count = _agents.GetValueOrDefault(agent) + (connected ? 1 : -1);
        if (count > 0)
        {
            _agents[agent] = count;
        }
        else
        {
            _agents.Remove(agent);
        }
    }

    private static FigureNote? NoteOf(Publication publication)
    {
        FigureKind kind = publication.Event switch
        {
            "task.created" => FigureKind.TaskCreated,
            "task.updated" => FigureKind.TaskUpdated,
            "task.completed" => FigureKind.TaskCompleted,
            "task.failed" => FigureKind.TaskFailed,
            "agent.connected" => FigureKind.AgentConnected,
            "agent.disconnected" => FigureKind.AgentDisconnected,
            _ => default,
        };
        if (kind is >= FigureKind.TaskCreated and <= FigureKind.TaskFailed)
        {
            var (task, status) = EventData.Task(publication.Data.Span);
            return new FigureNote(kind, task, status, publication.TimestampMicros);
        }

        return kind != default && EventData.Text(publication.Data.Span, "agent_id") is { } agent
            ? new FigureNote(kind, agent, null, publication.TimestampMicros)
            : null;
    }

    private void Take(in FigureNote note)
    {
        if (note.Kind is FigureKind.AgentConnected or FigureKind.AgentDisconnected)
        {
            ApplyAgent(note.Id!, note.Kind == FigureKind.AgentConnected);
            return;
        }

        if (note.Kind == FigureKind.TaskCompleted)
        {
            _completed.Add(note.AtMicros, 1);
        }

        if (note.Id is not { } id || (_told is not null && IsLate(note, id)))
        {
            return;
        }

        switch (note.Kind)
        {
            case FigureKind.TaskCreated:
                Know(id, note.AtMicros);
                break;
            case FigureKind.TaskUpdated:
                Know(id, note.AtMicros);
                Move(id, note.Status, note.AtMicros);
                break;
            case FigureKind.TaskCompleted:
                if (_tasks.TryGetValue(id, out var task))
                {
                    _durations.Add(note.AtMicros, (note.AtMicros - task.CreatedMicros) / 1000);
                }

                Drop(id);
                break;
            case FigureKind.TaskFailed:
                Drop(id);
                break;
        }
    }

    private void Know(string id, long nowMicros)
    {
        if (_tasks.Count < MaxTasks && _tasks.TryAdd(id, new TaskFigures(TaskPhase.Pending, nowMicros, nowMicros)))
        {
            _pending++;
        }
    }

    private void Move(string id, string? status, long nowMicros)
    {
        if (!_tasks.TryGetValue(id, out var task))
        {
            return;
        }

        var phase = status switch
        {
            "running" or "in_progress" or "started" or "active" => TaskPhase.Running,
            "pending" or "queued" or "waiting" => TaskPhase.Pending,
            _ => task.Phase,
        };
        Count(task.Phase, -1);
        Count(phase, 1);
        _tasks[id] = task with { Phase = phase, SeenMicros = nowMicros };
    }

    private void Drop(string id)
    {
        if (_tasks.Remove(id, out var task))
        {
            Count(task.Phase, -1);
        }
    }

    private void Count(TaskPhase phase, int change)
    {
        if (phase == TaskPhase.Running)
        {
            _running += change;
        }
        else
        {
            _pending += change;
        }
    }

    private void Forget(long nowMicros)
    {
        foreach (var (id, task) in _tasks)
        {
            if (nowMicros - task.SeenMicros > Day)
            {
                Drop(id);
            }
        }
    }

    private sealed record TaskFigures(TaskPhase Phase, long CreatedMicros, long SeenMicros);
}
