using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class RedeliveryTests
{
    private const long Second = 1_000_000;
    private readonly Redelivery _redelivery = new();
    private readonly Subscription _a = Of(1);
    private readonly Subscription _b = Of(2);

    [Fact]
    public void What_was_not_acked_is_due_after_5_and_11_seconds_and_then_never_again()
    {
        Sent(Make.Event(1, "task.x"));
        Assert.Empty(Due(4_999_999));
        Assert.Equal(["1:1", "2:1"], Due(5 * Second));
        Assert.Empty(Due(10_999_999));
        Assert.Equal(["1:1", "2:1"], Due(11 * Second));
        Assert.True(_redelivery.IsEmpty);
        Assert.Empty(Due(100 * Second));
    }

    [Fact]
    public void Both_repeats_are_given_when_the_clock_was_late()
    {
        Sent(Make.Event(1, "task.x"));
        Assert.Equal(["1:1", "2:1"], Due(20 * Second));
        Assert.Equal(["1:1", "2:1"], Due(21 * Second));
        Assert.True(_redelivery.IsEmpty);
    }

    [Fact]
    public void Only_tasks_subtasks_messages_with_a_place_are_kept()
    {
        Sent(Make.Event(1, "agent.x"), Make.Event(0, "task.typing"), Make.Event(2, "tasks"), Make.Event(3, "Task.x"));
        Assert.True(_redelivery.IsEmpty);
        Sent(Make.Event(4, "subtask.x"), Make.Event(5, "message.x"));
        Assert.Equal(["1:4", "2:4", "1:5", "2:5"], Due(5 * Second));
    }

    [Fact]
    public void An_ack_counts_for_its_client_and_its_event()
    {
        Sent(Make.Event(1, "task.x"), Make.Event(2, "task.x"));
        Ack(_a, 1);
        Ack(_b, 2);
        Assert.Equal(2, _redelivery.CountPending([_a, _b]));
        Assert.Equal(["2:1", "1:2"], Due(5 * Second));
        Ack(_b, 1);
        Assert.Equal(["1:2"], Due(11 * Second));
    }

    [Fact]
    public void Who_joined_later_and_who_is_excluded_is_owed_nothing()
    {
        _b.StartedAt = new StreamPosition(Make.Epoch, 1);
        Sent(Make.Event(1, "task.x"), Make.Event(2, "task.x", excluded: 1));
        Assert.Equal(["1:1", "2:2"], Due(5 * Second));
    }

    [Fact]
    public void An_event_of_another_life_is_owed_to_nobody()
    {
        Sent(Make.Event(5, "task.x", epoch: new Epoch(78)));
        Assert.Equal(0, _redelivery.CountPending([_a, _b]));
        Assert.Empty(Due(5 * Second));
        Assert.Empty(Due(11 * Second));
        Assert.True(_redelivery.IsEmpty);
    }

    [Fact]
    public void An_expired_event_is_not_sent_again()
    {
        Sent(Make.Event(1, "task.x", expires: 5 * Second), Make.Event(2, "task.x", expires: 6 * Second));
        Assert.Equal(["1:2", "2:2"], Due(5 * Second));
        Assert.Empty(Due(11 * Second));
        Assert.True(_redelivery.IsEmpty);
    }

    [Fact]
    public void The_oldest_are_given_up_beyond_ten_thousand()
    {
        Sent([.. Enumerable.Range(1, 10_002).Select(static i => Make.Event(i, "task.x"))]);
        var due = Due(5 * Second, _a);
        Assert.Equal(10_000, due.Count);
        Assert.Equal("1:3", due[0]);
        Assert.Equal(10_000, Due(11 * Second, _a).Count);
    }

    [Fact]
    public void Acks_are_forgotten_when_they_no_longer_matter_and_foreign_ones_are_not_kept()
    {
        Ack(_a, 1);
        Assert.Null(_a.Acked);
        Sent(Make.Event(5, "task.x", at: 0), Make.Event(6, "task.x", at: 3 * Second));
        Ack(_a, 4);
        _redelivery.Acked(_a, new StreamPosition(new Epoch(78), 5));
        Assert.Null(_a.Acked);
        Ack(_a, 5);
        Ack(_a, 6);
        Due(8 * Second);
        Due(11 * Second);
        Assert.Equal([6], _a.Acked!);
        Due(14 * Second);
        Assert.Empty(_a.Acked!);
    }

    private static Subscription Of(long id) => new(Make.Client(id, DialectKind.Context), "topics/x") { StartedAt = new StreamPosition(Make.Epoch, 0) };

    private void Sent(params Publication[] events) => _redelivery.Sent(events);

    private void Ack(Subscription client, long offset) => _redelivery.Acked(client, new StreamPosition(Make.Epoch, offset));

    private List<string> Due(long now) => Due(now, _a, _b);

    private List<string> Due(long now, params Subscription[] clients)
    {
        var due = new List<(Subscription Client, Publication Event)>();
        _redelivery.TakeDue(now, clients, due);
        return due.ConvertAll(static one => $"{one.Client.Client.Id}:{one.Event.Position.Offset}");
    }
}
