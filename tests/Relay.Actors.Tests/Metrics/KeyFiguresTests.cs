using System.Text.Json;
using Relay.Actors.Cluster;
using Relay.Actors.Metrics;

namespace Relay.Actors.Tests;

public sealed class KeyFiguresTests
{
    private const long Second = 1_000_000;
    private const long Start = 1_800_000_000 * Second;
    private readonly KeyFigures _figures = new();

    [Fact]
    public void Tasks_are_pending_then_running_then_done()
    {
        Task("created", "a");
        Task("created", "b");
        Task("updated", "c", "pending");
        Assert.Equal((3, 0), (Figure("pending_tasks"), Figure("running_tasks")));
        Task("updated", "a", "in_progress");
        Task("updated", "b", "running");
        Task("updated", "b", "whatever");
        Assert.Equal((1, 2), (Figure("pending_tasks"), Figure("running_tasks")));
        Task("updated", "b", "queued");
        Task("failed", "b");
        Task("failed", "unknown");
        Task("completed", "a", at: 3 * Second);
        Assert.Equal((1, 0, 1, 3000), (Figure("pending_tasks"), Figure("running_tasks"), Figure("completed_tasks_last_hour"), Figure("avg_task_duration_ms")));
        Task("created", "a");
        Task("created", "a");
        Assert.Equal(2, Figure("pending_tasks"));
    }

    [Fact]
    public void A_task_may_be_named_by_task_id_and_by_a_number()
    {
        Say("task.created", """{"task_id":7}""");
        Assert.Equal(1, Figure("pending_tasks"));
        Say("task.completed", """{"id":7}""");
        Assert.Equal((0, 1), (Figure("pending_tasks"), Figure("completed_tasks_last_hour")));
        Say("task.completed", "{}");
        Say("task.created", "{}");
        Say("task.created", "garbage");
        Assert.Equal((0, 2), (Figure("pending_tasks"), Figure("completed_tasks_last_hour")));
    }

    [Theory]
    [InlineData("""{"status":"running"}""", 0)]
    [InlineData("""{"grid":"id"}""", 0)]
    [InlineData("""{"text":"id\": 1"}""", 0)]
    [InlineData("""{"\u0069d":"a"}""", 1)]
    [InlineData("""{"task\u005fid":"a"}""", 1)]
    public void A_payload_is_looked_at_for_an_id_however_it_is_written(string data, long pending)
    {
        Say("task.created", data);
        Assert.Equal(pending, Figure("pending_tasks"));
    }

    [Fact]
    public void Channels_may_count_at_the_same_time()
    {
        const int Threads = 4;
        const int Events = 5000;
        var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            for (var i = 0; i < Events; i++)
            {
                Say("message.new", "{}");
                Say("task.created", $$"""{"id":"{{thread}}-{{i % 10}}"}""");
            }
        })).ToList();
        threads.ForEach(static thread => thread.Start());
        threads.ForEach(static thread => thread.Join());
        Assert.Equal((Threads * Events, Threads * 10, 2 * Threads * Events), (Figure("messages_last_hour"), Figure("pending_tasks"), Figure("actions_per_minute")));
    }

    [Fact]
    public void A_task_that_nobody_speaks_of_for_a_day_is_forgotten()
    {
        Task("created", "a");
        Task("updated", "a", "running", at: 3600 * Second);
        Assert.Equal(1, Figure("running_tasks", (24 * 3600 * Second) + (3600 * Second)));
        Assert.Equal(0, Figure("running_tasks", (24 * 3600 * Second) + (3600 * Second) + 1));
    }

    [Fact]
    public void Messages_and_completions_count_for_an_hour_and_actions_for_a_minute()
    {
        Say("message.new", "{}");
        Say("message.read", "{}");
        Say("chat_message", "{}");
        Say("agent_response", "{}");
        Say("metric.update", "{}");
        Task("completed", "x");
        Assert.Equal((3, 5, 1), (Figure("messages_last_hour"), Figure("actions_per_minute"), Figure("completed_tasks_last_hour")));
        Assert.Equal((3, 0), (Figure("messages_last_hour", 61 * Second), Figure("actions_per_minute", 61 * Second)));
        Assert.Equal(3, Figure("messages_last_hour", 3500 * Second));
        Assert.Equal((0, 0), (Figure("messages_last_hour", 3661 * Second), Figure("completed_tasks_last_hour", 3661 * Second)));
    }

    [Fact]
    public void An_agent_is_active_while_one_of_its_connections_is()
    {
        Say("agent.connected", """{"agent_id":"a"}""");
        Say("agent.connected", """{"agent_id":"a"}""");
        Say("agent.connected", """{"agent_id":"b"}""");
        Say("agent.disconnected", """{"agent_id":"a"}""");
        Assert.Equal(2, Figure("active_agents"));
        Say("agent.disconnected", """{"agent_id":"a"}""");
        Say("agent.disconnected", """{"agent_id":"a"}""");
        Say("agent.disconnected", """{"agent_id":"unknown"}""");
        Say("agent.connected", "{}");
        Assert.Equal(1, Figure("active_agents"));
    }

    [Fact]
    public void The_average_is_over_the_last_hour()
    {
        Task("created", "a");
        Task("created", "b");
        Task("completed", "a", at: 2 * Second);
        Task("completed", "b", at: 4 * Second);
        Assert.Equal(3000, Figure("avg_task_duration_ms", 5 * Second));
        Assert.Equal(0, Figure("avg_task_duration_ms", 3700 * Second));
    }

    [Fact]
    public void All_figures_are_numbers_under_their_names()
    {
        using var json = JsonDocument.Parse(_figures.ToJson(Start, 4));
        Assert.Equal(
            "active_sessions active_agents pending_tasks running_tasks completed_tasks_last_hour messages_last_hour actions_per_minute avg_task_duration_ms timestamp",
            string.Join(' ', json.RootElement.EnumerateObject().Select(static one => one.Name)));
        Assert.All(json.RootElement.EnumerateObject(), static one => Assert.Equal(JsonValueKind.Number, one.Value.ValueKind));
        Assert.Equal((4, Start / 1000), (json.RootElement.GetProperty("active_sessions").GetInt32(), json.RootElement.GetProperty("timestamp").GetInt64()));
    }

    [Fact]
    public void Nodes_that_tell_each_other_have_the_same_figures_whatever_passed_where()
    {
        var other = new KeyFigures();
        _figures.Share();
        other.Share();
        Task("created", "a");
        Task("created", "b");
        Task("created", "c");
        Say("agent.connected", """{"agent_id":"x"}""");
        Say("message.new", "{}");
        other.Apply(Make.Event(1, "task.updated", """{"id":"b","status":"running"}""", Start));
        other.Apply(Make.Event(1, "task.completed", """{"id":"a"}""", Start + (2 * Second)));
        other.Apply(Make.Event(1, "task.failed", """{"id":"c"}""", Start + Second));
        other.CountAction(Start);
        var (mine, others) = (Sent(_figures), Sent(other));
        _figures.Add(others);
        other.Add(mine);
        Assert.Equal(Json(other), Json(_figures));
        Assert.Equal((0, 1, 1, 1), (Figure("pending_tasks"), Figure("running_tasks"), Figure("active_agents"), Figure("messages_last_hour")));
        Assert.Equal((9, 2000), (Figure("actions_per_minute", 3 * Second), Figure("avg_task_duration_ms", 3 * Second)));
        Assert.True(_figures.TakeReport(Start).IsEmpty);

        var third = new KeyFigures();
        third.Add(_figures.All(Start + (3 * Second)));
        Assert.Equal(Json(_figures), Json(third));
    }

    [Fact]
    public void An_agent_that_is_known_by_its_connection_counts_once()
    {
        Say("agent.connected", """{"agent_id":"a"}""");
        Say("agent.connected", """{"agent_id":"b"}""");
        using var json = JsonDocument.Parse(_figures.ToJson(Start, 0, new HashSet<string>(["a", "c"], StringComparer.Ordinal)));
        Assert.Equal(3, json.RootElement.GetProperty("active_agents").GetInt32());
    }

    private static string Json(KeyFigures figures) => System.Text.Encoding.UTF8.GetString(figures.ToJson(Start + (3 * Second), 0));

    private static FigureReport Sent(KeyFigures figures)
    {
        var writer = new WireWriter();
        FigureWire.Write(writer, figures.TakeReport(Start + (3 * Second)));
        var reader = new WireReader(writer.Written);
        var report = FigureWire.Read(ref reader);
        Assert.True(reader.IsAtEnd);
        return report;
    }

    private void Task(string what, string id, string? status = null, long at = 0) =>
        Say("task." + what, status is null ? $$"""{"id":"{{id}}"}""" : $$"""{"id":"{{id}}","status":"{{status}}"}""", at);

    private void Say(string name, string data, long at = 0) => _figures.Apply(Make.Event(1, name, data, Start + at));

    private int Figure(string name, long at = 0)
    {
        using var json = JsonDocument.Parse(_figures.ToJson(Start + at, 0));
        return json.RootElement.GetProperty(name).GetInt32();
    }
}
