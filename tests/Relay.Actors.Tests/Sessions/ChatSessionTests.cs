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
        _chat.Open("r1", 0);
        _chat.Open("r2", 0);
        _chat.Open("r3", 0);
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
        _chat.Open("r", 0);
        Assert.True(_chat.IsOpen("r"));
        Assert.True(_chat.TryClose("r"));
        Assert.False(_chat.TryClose("r"));
        Assert.False(_chat.IsOpen("r"));
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
