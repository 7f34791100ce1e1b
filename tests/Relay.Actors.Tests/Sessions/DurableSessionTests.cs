using System.Text;
using Relay.Actors.Agents;
using Relay.Actors.Channels;
using Relay.Actors.Sessions;
using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Chat sessions whose namespace is durable, against a journal that answers when the test says so. A restart is another relay on the same journal.</summary>
public sealed class DurableSessionTests : IDisposable
{
    private const string Id = "s1";
    private const string Channel = "sessions/" + Id;
    private readonly ScriptedJournal _journal = new();
    private readonly SilentGateway _silent = new();
    private double _seconds;
    private int _starts;
    private RelayHarness _relay;
    private NamespaceSettings _space = new() { Durability = Durability.Sql, HistoryAge = TimeSpan.FromHours(24) };
    private bool _outside;

    public DurableSessionTests() => _relay = Start();

    public void Dispose() => _relay.Dispose();

    [Fact]
    public void A_session_its_history_times_and_sequence_survive_a_restart()
    {
        Ask<SessionJoined>(new CreateSession("ann"));
        Pass(5);
        Say("one");
        Pass(5);
        Say("two", "bob");
        var before = Ask<SessionJoined>(new JoinSession());
        Restart();
        var after = Ask<SessionJoined>(new JoinSession());
        Assert.Equal(before.Summary, after.Summary);
        Assert.Equal(before.Position, after.Position);
        Assert.Equal(["one", "Received: one", "two", "Received: two"], after.Messages.Select(Content));
        Assert.Equal(before.Messages.Select(Describe), after.Messages.Select(Describe));
        Assert.Equal(after.Summary, Assert.Single(_relay.Relay.Sessions.All));
        Assert.Equal(["ann", "bob"], SessionFacts.FromJson(_relay.Await(_journal.LoadSnapshotAsync(Channel).AsTask())!.Payload)!.Participants);
        Say("three");
        Assert.Equal([1, 2, 3, 4, 5, 6], Ask<SessionJoined>(new JoinSession()).Messages.Select(static one => one.Position.Offset));
    }

    [Fact]
    public void A_session_is_created_only_when_it_is_stored()
    {
        _journal.RefusesSnapshots = true;
        Assert.Equal("scripted", Ask<SessionRefused>(new CreateSession()).Reason);
        Ask<SessionMissing>(new JoinSession());
        _journal.RefusesSnapshots = false;
        Ask<SessionJoined>(new CreateSession());
    }

    [Fact]
    public void A_message_is_accepted_shown_and_handed_to_the_agent_when_it_is_stored()
    {
        Ask<SessionJoined>(new CreateSession());
        var listener = Listen();
        _journal.IsHeld = true;
        var accepted = Begin(Words("one"));
        _relay.Settle();
        Assert.False(accepted.IsCompleted);
        Assert.Empty(listener.TakeAll());
        Assert.Empty(Ask<SessionJoined>(new JoinSession()).Messages);
        _journal.IsHeld = false;
        TurnContext.Inline(_journal.Release);
        Assert.IsType<ChatAccepted>(_relay.Await(accepted));
        Assert.Equal(["chat_message", "agent_response"], Ask<SessionJoined>(new JoinSession()).Messages.Select(static one => one.Event));
        Assert.Equal(2, listener.TakeAll().Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_message_whose_write_failed_is_refused_unless_it_turns_out_to_be_stored(bool stored)
    {
        Ask<SessionJoined>(new CreateSession());
        _journal.LosesNextAnswer = stored;
        if (!stored)
        {
            _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        }

        var said = Begin(Words("one"));
        Pass(2);
        Assert.Equal(stored ? typeof(ChatAccepted) : typeof(SessionRefused), _relay.Await(said).GetType());
        Assert.Equal(stored ? ["one", "Received: one"] : [], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
        Say("two");
    }

    [Fact]
    public void A_client_whose_message_cannot_be_stored_is_told_so_and_can_go_on_later()
    {
        _relay.ExpectsFailures = true;
        var client = _relay.Connect(DialectKind.WebUi);
        client.Send("""{"type":"session_create"}""", """{"type":"chat_message","data":{"content":"w"}}""");
        _relay.Settle();
        client.TakeAll();
        _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        _journal.ReadFault = new JournalException("the disk is gone", isRetryable: true);
        client.Send("""{"type":"chat_message","data":{"content":"x"}}""", """{"type":"chat_message","data":{"content":"y"}}""");
        Pass(1);
        var told = client.TakeAll();
        Assert.Equal(2, told.Count);
        Assert.All(told, static frame => Assert.Contains("\"code\":\"INTERNAL_ERROR\"", frame, StringComparison.Ordinal));
        _journal.ReadFault = null;
        Pass(10);
        client.Send("""{"type":"chat_message","data":{"content":"z"}}""");
        _relay.Settle();
        Assert.Contains("Received: z", Assert.Single(client.TakeAll()), StringComparison.Ordinal);
    }

    [Fact]
    public void While_the_journal_cannot_be_read_a_stored_session_is_refused_and_not_missing()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        _journal.ReadFault = new JournalException("the disk is gone", isRetryable: true);
        Restart();
        _relay.ExpectsFailures = true;
        Assert.Equal("the disk is gone", Ask<SessionRefused>(new JoinSession()).Reason);
        _journal.ReadFault = null;
        Pass(10);
        Assert.Equal(2, Ask<SessionJoined>(new JoinSession()).Messages.Count);
    }

    [Fact]
    public void A_deleted_session_is_gone_with_its_stream_also_after_a_restart()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        Ask<SessionDeleted>(new DeleteSession());
        Assert.DoesNotContain(Channel, _journal.Streams);
        Ask<SessionMissing>(new JoinSession());
        Restart();
        Ask<SessionMissing>(new JoinSession());
        Ask<SessionMissing>(new DeleteSession());
        Assert.DoesNotContain(Channel, _journal.Streams);
        Assert.Equal(0, _relay.Relay.Sessions.Count);
    }

    [Fact]
    public void A_session_whose_removal_is_refused_stays_and_its_deletion_says_so()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        _journal.RefusesSnapshots = true;
        Assert.Equal("scripted", Ask<SessionRefused>(new DeleteSession()).Reason);
        _journal.RefusesSnapshots = false;
        Assert.Equal(2, Ask<SessionJoined>(new JoinSession()).Messages.Count);
        Ask<SessionDeleted>(new DeleteSession());
    }

    [Fact]
    public void Who_still_listens_to_a_deleted_session_hears_its_channels_next_life()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        var listener = Listen();
        Ask<SessionDeleted>(new DeleteSession());
        Assert.DoesNotContain(Channel, _journal.Streams);
        Assert.Null(_relay.Publish(Channel, "e", "1").Refusal);
        var told = listener.TakeAll();
        Assert.Contains("\"type\":\"gap\"", told[0], StringComparison.Ordinal);
        Assert.Contains("\"event\":\"e\"", told[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_session_expires_whether_the_process_lives_or_not()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        Pass(50);
        Restart();
        Ask<SessionJoined>(new JoinSession());
        Pass(99);
        Assert.Contains(Channel, _journal.Streams);
        Pass(2);
        Assert.DoesNotContain(Channel, _journal.Streams);
        Ask<SessionMissing>(new JoinSession());
        Ask<SessionJoined>(new CreateSession());
        Restart(101);
        Ask<SessionMissing>(new JoinSession());
        Assert.DoesNotContain(Channel, _journal.Streams);
    }

    [Fact]
    public void An_expired_session_that_nobody_asks_for_is_removed_when_it_is_woken()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        Restart(101);
        Assert.Contains(Channel, _journal.Streams);
        Ask<SessionWoken>(new WakeSession());
        Assert.DoesNotContain(Channel, _journal.Streams);
    }

    [Fact]
    public void A_join_after_the_last_message_prolongs_a_stored_session_to_within_its_precision()
    {
        Ask<SessionJoined>(new CreateSession());
        Pass(60);
        Ask<SessionJoined>(new JoinSession());
        Restart(60);
        Ask<SessionJoined>(new JoinSession());
    }

    [Fact]
    public void Whoever_asks_for_a_session_that_never_was_leaves_no_stream()
    {
        Ask<SessionMissing>(new JoinSession());
        Ask<SessionMissing>(Words("x"));
        Assert.Empty(_journal.Streams);
    }

    [Fact]
    public void A_conversation_outlives_the_channels_history_up_to_its_own_bound()
    {
        _space = _space with { HistoryLength = 10, DedupeIds = 100, HistoryAge = TimeSpan.FromSeconds(20) };
        Restart();
        Ask<SessionJoined>(new CreateSession());
        for (var i = 1; i <= 4; i++)
        {
            Say("m" + i);
        }

        for (var i = 0; i < 300; i++)
        {
            _relay.Publish(Channel, "agent_chunk", "{}");
        }

        Pass(30);
        _relay.Publish(Channel, "agent_chunk", "{}");
        Restart();
        Assert.True(_journal.Records(Channel).Count < 100);
        var joined = Ask<SessionJoined>(new JoinSession());

        // SessionMessages = 6: the oldest pair is gone.
        Assert.Equal(["m2", "Received: m2", "m3", "Received: m3", "m4", "Received: m4"], joined.Messages.Select(Content));
        Assert.Equal(309, joined.Position.Offset);
        Assert.Empty(_relay.History(Channel, new HistoryQuery { Names = ["chat_message"] }).Events);
    }

    [Fact]
    public void An_answer_that_comes_after_a_restart_while_nobody_is_there_is_in_the_history()
    {
        StartOutside();
        Ask<SessionJoined>(new CreateSession());
        var request = Ask<ChatAccepted>(Words("one")).RequestId;
        Restart();
        Answer(request, "late");
        var joined = Ask<SessionJoined>(new JoinSession());
        Assert.Equal(["one", "late"], joined.Messages.Select(Content));
        Pass(60);
        Assert.Empty(Ask<SessionJoined>(new JoinSession()).Endings);
    }

    [Fact]
    public void A_request_under_way_at_a_crash_ends_in_a_timeout_that_those_who_come_back_see()
    {
        StartOutside();
        Ask<SessionJoined>(new CreateSession());
        var request = Ask<ChatAccepted>(Words("one")).RequestId;
        Restart();
        var client = _relay.Connect(DialectKind.WebUi);
        client.Send($$$"""{"type":"session_join","data":{"session_id":"{{{Id}}}"}}""");
        _relay.Settle();
        client.TakeAll();
        Pass(11);
        Assert.Contains($$"""
            "data":{"code":"TIMEOUT","message":"The agent did not answer in time","details":"{{request}}"}
            """.Trim(), Assert.Single(client.TakeAll()), StringComparison.Ordinal);
        Assert.Single(_silent.Requests);

        // Once more down and up: it is told to whoever comes now, not timed out again; an answer after it is a message like any other.
        Restart(20);
        var late = _relay.Connect(DialectKind.WebUi);
        late.Send($$$"""{"type":"session_join","data":{"session_id":"{{{Id}}}"}}""");
        _relay.Settle();
        Assert.Contains("\"code\":\"TIMEOUT\"", late.TakeAll()[^1], StringComparison.Ordinal);
        Pass(60);
        Assert.Empty(late.TakeAll());
        Answer(request, "very late");
        Assert.Equal(["one", "very late"], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
    }

    [Fact]
    public void A_request_whose_time_ran_out_while_the_process_was_down_gets_a_moment_for_answers_that_wait_outside()
    {
        StartOutside();
        Ask<SessionJoined>(new CreateSession());
        Ask<ChatAccepted>(Words("one"));
        Restart(60);
        Ask<SessionWoken>(new WakeSession());
        Pass(9);
        Assert.Empty(Ask<SessionJoined>(new JoinSession()).Endings);
        Pass(2);
        Assert.Single(Ask<SessionJoined>(new JoinSession()).Endings);
    }

    [Fact]
    public void The_echo_agent_is_asked_again_after_a_crash_and_answers_once()
    {
        Ask<SessionJoined>(new CreateSession());
        _journal.IsHeld = true;
        var said = Begin(Words("one"));
        _relay.Settle();
        TurnContext.Inline(_journal.Release);
        Assert.IsType<ChatAccepted>(_relay.Await(said));
        Assert.Single(_journal.Waiting);
        _journal.IsHeld = false;

        // The answer was on its way to the journal.
        _journal.Waiting.Clear();
        Restart();
        Ask<SessionWoken>(new WakeSession());
        Assert.Equal(["one", "Received: one"], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
        Pass(60);
        Restart();
        Assert.Equal(2, Ask<SessionJoined>(new JoinSession()).Messages.Count);
    }

    [Fact]
    public void An_answer_that_could_not_be_stored_is_brought_again()
    {
        Ask<SessionJoined>(new CreateSession());
        _journal.IsHeld = true;
        var said = Begin(Words("one"));
        _relay.Settle();
        TurnContext.Inline(_journal.Release);
        _relay.Await(said);
        _journal.IsHeld = false;
        _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        TurnContext.Inline(_journal.Release);
        Pass(3);
        Assert.Equal(["one", "Received: one"], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
    }

    [Fact]
    public void A_timeout_that_could_not_be_stored_comes_later()
    {
        StartOutside();
        Ask<SessionJoined>(new CreateSession());
        Ask<ChatAccepted>(Words("one"));
        _journal.Refusals.Enqueue(JournalOutcome.Unavailable);
        Pass(10);
        Assert.Empty(Ask<SessionJoined>(new JoinSession()).Endings);
        Pass(2);
        Assert.Equal("error", Assert.Single(Ask<SessionJoined>(new JoinSession()).Endings).Event);
    }

    [Fact]
    public void A_store_that_lost_its_memory_does_not_end_a_session_that_is_alive()
    {
        _relay.ExpectsFailures = true;
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        _journal.Forget(Channel, 0);
        var refused = Begin(Words("two"));
        Pass(2);
        Assert.IsType<SessionRefused>(_relay.Await(refused));
        Say("three");
        Assert.Equal(["one", "Received: one", "three", "Received: three"], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
        Restart();
        Assert.Equal(["three", "Received: three"], Ask<SessionJoined>(new JoinSession()).Messages.Select(Content));
    }

    [Fact]
    public void Keys_that_others_publish_under_do_not_crowd_the_conversation_out_and_are_kept()
    {
        Ask<SessionJoined>(new CreateSession());
        _relay.Await(_relay.Relay.PublishAsync(Channel, [new PublishItem { Event = "e", Key = "k" }, new PublishItem { Event = "chat_message", Key = "c" }], "", CancellationToken.None));
        Restart();
        Assert.Equal(["k", "c"], _relay.History(Channel).Events.Select(static one => one.Key));
        Assert.Equal("c", Assert.Single(Ask<SessionJoined>(new JoinSession()).Messages).Key);
        Assert.Equal([null, "2"], _journal.Records(Channel).Select(static record => record.Key));
    }

    [Fact]
    public void A_conversation_that_cannot_be_read_is_refused_with_the_reason()
    {
        Ask<SessionJoined>(new CreateSession());
        Say("one");
        _journal.Spoil(Channel);
        Restart();
        _relay.ExpectsFailures = true;
        Assert.Contains("run the version that wrote it", Ask<SessionRefused>(new JoinSession()).Reason, StringComparison.Ordinal);
        Assert.Contains("run the version that wrote it", Ask<SessionRefused>(Words("two")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_asked_while_a_session_ends_is_answered_behind_its_end()
    {
        Ask<SessionJoined>(new CreateSession());
        _journal.IsHeld = true;
        var said = Begin(Words("one"));
        _relay.Settle();
        var deleted = Begin(new DeleteSession());
        var joined = Begin(new JoinSession());
        var published = _relay.Relay.PublishAsync(Channel, [new PublishItem { Event = "e" }], "", CancellationToken.None);
        _relay.Settle();
        Assert.False(deleted.IsCompleted || joined.IsCompleted || published.IsCompleted);
        _journal.IsHeld = false;
        TurnContext.Inline(_journal.Release);
        Assert.IsType<ChatAccepted>(_relay.Await(said));
        Assert.IsType<SessionDeleted>(_relay.Await(deleted));
        Assert.IsType<SessionMissing>(_relay.Await(joined));
        Assert.Null(_relay.Await(published).Refusal);
        Assert.Null(_relay.Await(_journal.LoadSnapshotAsync(Channel).AsTask()!));
    }

    private static string Content(Publication publication) => EventData.Text(publication.Data.Span, "content")!;

    private static string Describe(Publication publication) =>
        $"{publication.MessageId} {publication.Event} {publication.TimestampMicros} {Encoding.UTF8.GetString(publication.Data.Span)}";

    private static SayInSession Words(string content, string? user = null) => new(0, user, content, Encoding.UTF8.GetBytes($$"""{"content":"{{content}}"}"""));

    private void Say(string content, string? user = null) => Ask<ChatAccepted>(Words(content, user));

    private void Answer(string request, string content) => _relay.Bridge(
        $$$"""{"target_session_id":"{{{Id}}}","type":"agent_response","payload":{"agent_name":"W","content":"{{{content}}}","request_id":"{{{request}}}"}}""");

    private Task<object> Begin(object question) => _relay.Relay.SessionAsync(Id, question, TimeSpan.FromHours(1), CancellationToken.None);

    private T Ask<T>(object question) => Assert.IsType<T>(_relay.Await(Begin(question)));

    private FakeClient Listen()
    {
        var client = _relay.Connect(DialectKind.Relay);
        client.Send($$"""{"type":"subscribe","channel":"{{Channel}}","id":"s"}""");
        _relay.Settle();
        client.TakeAll();
        return client;
    }

    private void Pass(double seconds)
    {
        _seconds += seconds;
        _relay.Advance(seconds);
    }

    private void StartOutside()
    {
        _outside = true;
        Restart();
    }

    // Time goes on, and everything in memory is gone.
    private void Restart(double down = 0)
    {
        _relay.Dispose();
        _seconds += down;
        _relay = Start();
        _relay.Advance(_seconds);
    }

    private RelayHarness Start() => new(
        seed: ++_starts,
        settings: new RelaySettings
        {
            AgentTimeout = TimeSpan.FromSeconds(10),
            SessionTtl = TimeSpan.FromSeconds(100),
            SessionMessages = 6,
            Namespaces = new Dictionary<string, NamespaceSettings> { ["sessions"] = _space },
        },
        gateway: _outside ? _silent : null,
        configure: parts => parts with { Journals = new ChannelJournals(Sql: _journal) });

    private sealed class SilentGateway : IAgentGateway
    {
        public List<string> Requests { get; } = [];

        public Task<byte[]?> SendAsync(ReadOnlyMemory<byte> requestJson, CancellationToken cancellationToken)
        {
            Requests.Add(Encoding.UTF8.GetString(requestJson.Span));
            return Task.FromResult<byte[]?>(null);
        }
    }
}
