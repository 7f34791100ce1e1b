using Relay.Actors.Channels;
using Relay.Actors.Sessions;

namespace Relay.Actors.Tests;

public sealed class ChatSessionTests
{
    private readonly ChatSession _chat = new("s", 5, 3);

    [Fact]
    public void Messages_and_answers_are_stored_and_the_oldest_go_first()
    {
        Assert.Null(Say(1, "chat_message", """{"content":"a"}"""));
        Say(2, "agent_response", """{"content":"b"}""");
        Say(3, "typing", "{}");
        Say(4, "agent_progress", "{}");
        Say(5, "chat_message", """{"content":"c"}""");
        Say(6, "chat_message", """{"content":"d"}""");
        Assert.Equal([2, 5, 6], _chat.Messages.Select(static one => one.Position.Offset));
        Assert.Equal(new SessionSummary("s", "active", 3, 5, 60), _chat.Summary);
        Assert.Equal([new ChatLine("assistant", "b"), new ChatLine("user", "c"), new ChatLine("user", "d")], _chat.History());
    }

    [Fact]
    public void An_answer_ends_the_request_it_names_or_the_oldest()
    {
        _chat.Begin("r1", 0);
        _chat.Begin("r2", 0);
        _chat.Begin("r3", 0);
        Assert.Equal("r2", Say(1, "agent_response", """{"request_id":"r2"}"""));
        Assert.Null(Say(2, "agent_response", """{"request_id":"r2"}"""));
        Assert.Null(Say(3, "agent_progress", """{"request_id":"r1"}"""));
        Assert.Equal("r1", Say(4, "agent_error", "{}"));
        Assert.Equal("r3", Say(5, "agent_response", "not json"));
        Assert.Null(Say(6, "agent_response", "{}"));
        Assert.Equal(0, _chat.OpenRequests);
    }

    [Fact]
    public void A_request_is_closed_once()
    {
        _chat.Begin("r", 0);
        Assert.True(_chat.IsOpen("r"));
        Assert.True(_chat.TryClose("r"));
        Assert.False(_chat.TryClose("r"));
        Assert.False(_chat.IsOpen("r"));
    }

    [Fact]
    public void What_ended_a_request_without_an_answer_is_known_until_the_next_message()
    {
        Say(1, "chat_message", """{"content":"a"}""");
        _chat.Begin("r1", 10, "u", 1);
        _chat.Begin("r2", 11, "u", 1);
        Say(2, "agent_error", """{"request_id":"r1"}""");
        Assert.False(_chat.TryClose("r1", Make.Event(3, "error", "{}")));
        Assert.True(_chat.TryClose("r2", Make.Event(4, "error", "{}")));
        Say(5, "agent_error", "{}");
        Say(6, "agent_response", "{}");
        Assert.Equal([2, 4], _chat.Endings.Select(static one => one.Position.Offset));
        Say(7, "chat_message", """{"content":"b"}""");
        Assert.Empty(_chat.Endings);
    }

    [Fact]
    public void An_open_request_can_be_made_again_as_it_was()
    {
        Say(1, "agent_response", """{"content":"hello"}""");
        Say(2, "chat_message", """{"content":"a"}""");
        _chat.Begin("r1", 20, "u", 2);
        Say(3, "chat_message", """{"content":"b"}""");
        var again = _chat.Request(Assert.Single(_chat.Open))!;
        Assert.Equal(("r1", "s", "u", "a"), (again.RequestId, again.SessionId, again.UserId, again.Content));
        Assert.Equal([new ChatLine("assistant", "hello")], again.History);
        Say(4, "chat_message", "{}");
        Say(5, "chat_message", "{}");
        Assert.Null(_chat.Request(_chat.Open[0]));
    }

    [Fact]
    public void Participants_are_known_once_each_and_a_bounded_number()
    {
        Assert.True(_chat.Admit("a"));
        Assert.False(_chat.Admit("a"));
        Assert.False(_chat.Admit(null));
        Assert.False(_chat.Admit(""));
        for (var i = 0; i < 100; i++)
        {
            _chat.Admit("u" + i);
        }

        Assert.Equal(64, _chat.Facts.Participants.Count);
    }

    [Fact]
    public void Facts_and_notes_come_back_from_their_bytes_and_foreign_bytes_are_none()
    {
        var facts = new SessionFacts(5, 9, ["a", "ü"]);
        var back = SessionFacts.FromJson(facts.ToJson())!;
        Assert.Equal((5L, 9L, "a ü"), (back.CreatedMicros, back.LastActivityMicros, string.Join(' ', back.Participants)));
        Assert.Equal(facts.Participants, new ChatSession("s", back, 3).Facts.Participants);
        Assert.Null(SessionFacts.FromJson("{}"u8.ToArray()));
        Assert.Null(SessionFacts.FromJson("x"u8.ToArray()));
        foreach (var note in new[] { new ChatNote(ChatNoteKind.Asks, "0123456789abcdef", "ü"), new ChatNote(ChatNoteKind.Ends, "0") })
        {
            Assert.Equal(note, ChatNote.Read(note.ToBytes()));
        }

        Assert.Equal(default, ChatNote.Read(default(ChatNote).ToBytes()));
        Assert.Equal(default, ChatNote.Read([1, 5, 0]));
        Assert.Equal(default, ChatNote.Read([7, 0]));
    }

    [Fact]
    public void A_session_keeps_its_conversation_beyond_its_channels_history_also_when_it_sleeps()
    {
        var settings = new RelaySettings { SessionMessages = 100 };
        Assert.True(Retention.Of("sessions/x", settings, 0).KeepKeys > 200);
        Assert.Equal(settings.For("topics/x").KeyedValues, Retention.Of("topics/x", settings, 0).KeepKeys);
    }

    [Fact]
    public void The_agent_is_given_the_newest_fifty_lines()
    {
        var chat = new ChatSession("s", 0, 1000);
        for (var i = 1; i <= 60; i++)
        {
            chat.Observe(Make.Event(i, "chat_message", $$"""{"content":"{{i}}"}"""));
        }

        Assert.Equal(Enumerable.Range(11, 50).Select(static i => new ChatLine("user", i.ToString())), chat.History());
    }

    private string? Say(long offset, string name, string data) => _chat.Observe(Make.Event(offset, name, data, at: offset * 10));
}
