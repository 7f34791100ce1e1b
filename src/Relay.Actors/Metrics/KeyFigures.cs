using System.Buffers;
using System.Text.Json;
using Relay.Protocol;

namespace Relay.Actors.Metrics;

/// <summary>
/// The key figures of channel <c>metrics</c>, derived from the events that pass (protocols.md, <c>context</c>). Plain data; bounded: a task is forgotten
/// a day after it was last heard of, and at most 100,000 are known at once.
/// </summary>
internal sealed class KeyFigures
{
    private const int MaxTasks = 100_000;
    private const long Hour = 3_600_000_000;
    private const long Minute = 60_000_000;
    private const long Day = 24 * Hour;

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

    public void Apply(Publication publication)
    {
        var name = publication.Event;
        if (name == "metric.update")
        {
            return;
        }

        _actions.Add(publication.TimestampMicros, 1);
        if (name.StartsWith("message.", StringComparison.Ordinal) || name is "chat_message" or "agent_response")
        {
            if (name is "message.new" or "chat_message" or "agent_response")
            {
                _messages.Add(publication.TimestampMicros, 1);
            }
        }
        else if (name.StartsWith("task.", StringComparison.Ordinal))
        {
            ApplyTask(name, publication);
        }
        else if (name == "agent.connected" && EventData.Text(publication.Data.Span, "agent_id") is { } connected)
        {
            _agents[connected] = _agents.GetValueOrDefault(connected) + 1;
        }
        else if (name == "agent.disconnected" && EventData.Text(publication.Data.Span, "agent_id") is { } gone && _agents.TryGetValue(gone, out var count))
        {
            if (count <= 1)
            {
                _agents.Remove(gone);
            }
            else
            {
                _agents[gone] = count - 1;
            }
        }
    }

    /// <summary>The data of one <c>metric.update</c>.</summary>
    public byte[] ToJson(long nowMicros, int activeSessions)
    {
        Forget(nowMicros);
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("active_sessions", activeSessions);
            json.WriteNumber("active_agents", _agents.Count);
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

    private void ApplyTask(string name, Publication publication)
    {
        var (taskId, status) = EventData.Task(publication.Data.Span);
        if (taskId is not { } id)
        {
            if (name == "task.completed")
            {
                _completed.Add(publication.TimestampMicros, 1);
            }

            return;
        }

        switch (name)
        {
            case "task.created":
                Know(id, publication.TimestampMicros);
                break;
            case "task.updated":
                Know(id, publication.TimestampMicros);
                Move(id, status, publication.TimestampMicros);
                break;
            case "task.completed":
                _completed.Add(publication.TimestampMicros, 1);
                if (_tasks.TryGetValue(id, out var task))
                {
                    _durations.Add(publication.TimestampMicros, (publication.TimestampMicros - task.CreatedMicros) / 1000);
                }

                Drop(id);
                break;
            case "task.failed":
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
