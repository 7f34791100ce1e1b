using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>What the hooks monitor knows after a restart, where its namespace is durable.</summary>
public sealed class DurableHooksTests
{
    private readonly ScriptedJournal _journal = new();
    private int _starts;

    [Fact]
    public void Status_and_history_are_what_they_were()
    {
        using (var before = Start())
        {
            before.Publish("hooks", "session.start", """{"session_id":"s","pid":5,"cwd":"/w"}""");
            before.Publish("hooks", "n", "{}");
        }

        using var after = Start();
        var client = after.Connect(DialectKind.Hooks);
        Assert.Contains("""
            "session_id":"s","session_start":"2026-01-01T00:00:00.000000Z","claude_status":"running","claude_pid":5
            """.Trim(), client.Take(), StringComparison.Ordinal);
        client.Send("""{"command":"get_history"}""");
        after.Settle();
        Assert.Contains("\"type\":\"n\"", client.Take(), StringComparison.Ordinal);

        // What passes from now on changes what was read.
        after.Publish("hooks", "session.end", "{}");
        client.TakeAll();
        client.Send("""{"command":"get_status"}""");
        after.Settle();
        Assert.Contains("\"claude_status\":\"stopped\",\"claude_pid\":null", client.Take(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_waits_for_the_status_that_is_being_read_but_not_for_a_journal_that_is_ill()
    {
        using (var before = Start())
        {
            before.Publish("hooks", "session.start", """{"session_id":"s"}""");
        }

        _journal.ReadFault = new JournalException("the disk is gone", isRetryable: true);
        using var after = Start();
        after.ExpectsFailures = true;
        var client = after.Connect(DialectKind.Hooks);
        Assert.Null(client.Take());
        after.Advance(5);
        Assert.Contains("\"claude_status\":\"stopped\"", client.Take(), StringComparison.Ordinal);
        _journal.ReadFault = null;
        after.Advance(10);
        client.Send("""{"command":"get_status"}""");
        after.Settle();
        Assert.Contains("\"session_id\":\"s\"", client.TakeAll()[^1], StringComparison.Ordinal);
    }

    private RelayHarness Start() => new(
        ++_starts,
        settings: new RelaySettings { Namespaces = new Dictionary<string, NamespaceSettings> { ["hooks"] = new() { Durability = Durability.Sql } } },
        configure: parts => parts with { Journals = new ChannelJournals(Sql: _journal) });
}
