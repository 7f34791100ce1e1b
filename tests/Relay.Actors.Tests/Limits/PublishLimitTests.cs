using System.Collections.Frozen;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Protocol;

namespace Relay.Actors.Tests.Limits;

/// <summary>What clients of each dialect see of the limits, and that nothing is dropped behind anybody's back (docs/limits.md).</summary>
public sealed class PublishLimitTests : IDisposable
{
    private NodeLimits _limits = null!;
    private RelayHarness? _harness;

    private RelayHarness Relay => _harness!;

    public void Dispose() => _harness?.Dispose();

    [Fact]
    public void A_native_client_is_told_which_limit_and_when_to_try_again()
    {
        Start(new RelayLimits { PublishesPerSecondPerConnection = 2 });
        var client = Relay.Connect(DialectKind.Relay);
        client.TakeAll();
        client.Send([.. Enumerable.Range(1, 6).Select(static i => $$"""{"type":"publish","channel":"topics/x","event":"e","id":"p{{i}}"}""")]);
        Relay.Settle();
        var answers = client.TakeAll();
        Assert.Equal(4, answers.Count(static text => text.Contains("\"success\":true", StringComparison.Ordinal)));
        var refused = answers.Where(static text => text.Contains("RATE_LIMITED", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, refused.Count);
        Assert.All(refused, static text => Assert.Contains("limit publishes_per_connection", text, StringComparison.Ordinal));
        Assert.All(refused, static text => Assert.Contains("\"retry_after_ms\":500", text, StringComparison.Ordinal));
        Relay.Advance(0.5);
        client.Send("""{"type":"publish","channel":"topics/x","event":"e","id":"p5"}""");
        Relay.Settle();
        Assert.Contains(client.TakeAll(), static text => text.Contains("\"success\":true", StringComparison.Ordinal));
    }

    [Fact]
    public void A_batch_counts_with_all_its_items()
    {
        Start(new RelayLimits { PublishesPerSecondPerConnection = 2 });
        var client = Relay.Connect(DialectKind.Relay);
        var item = """{"channel":"topics/x","event":"e"}""";
        client.Send($$"""{"type":"publish_batch","id":"b1","items":[{{item}},{{item}},{{item}}]}""", $$"""{"type":"publish_batch","id":"b2","items":[{{item}},{{item}},{{item}}]}""");
        Relay.Settle();
        Assert.Single(client.TakeAll(), static text => text.Contains("\"id\":\"b2\",\"success\":false", StringComparison.Ordinal) && text.Contains("RATE_LIMITED", StringComparison.Ordinal));
        Assert.Equal(3, Relay.History("topics/x").Events.Count);
    }

    [Fact]
    public void A_user_has_one_limit_over_all_its_connections_and_others_have_their_own()
    {
        Start(new RelayLimits { PublishesPerSecondPerUser = 2 });
        var first = Enter("ann");
        var second = Enter("ann");
        var other = Enter("bob");
        Assert.Equal(4, Publishes(first, 4));
        Assert.Equal(0, Publishes(second, 4));
        Assert.Equal(4, Publishes(other, 4));
    }

    [Fact]
    public void A_namespace_has_one_limit_for_everybody_and_others_have_none()
    {
        Start(new RelayLimits { PublishesPerSecond = FrozenDictionary.ToFrozenDictionary([KeyValuePair.Create("topics", 2)]) });
        Assert.Equal(4, Publishes(Relay.Connect(DialectKind.Relay), 4));
        var second = Relay.Connect(DialectKind.Relay);
        Assert.Equal(0, Publishes(second, 4));
        Assert.Equal(4, Publishes(second, 4, "projects/x"));
    }

    [Fact]
    public void Senders_that_cannot_be_told_are_read_later_and_lose_nothing()
    {
        Start(new RelayLimits { PublishesPerSecondPerConnection = 2 });
        var hooks = Relay.Connect(DialectKind.Hooks);
        hooks.Send([.. Enumerable.Range(1, 10).Select(static i => $$$"""{"type":"hook.e{{{i}}}","timestamp":"2026-01-01T00:00:00Z","data":{}}""")]);
        Relay.Settle();
        Assert.Equal(4, Relay.History("hooks").Events.Count);
        Assert.False(hooks.IsReaderFree);
        Relay.Advance(1.1);
        Assert.Equal(6, Relay.History("hooks").Events.Count);
        Relay.Advance(2.1);
        Assert.Equal(Enumerable.Range(1, 10).Select(static i => "hook.e" + i), Relay.History("hooks").Events.Select(static one => one.Event));
        Assert.True(hooks.IsReaderFree);
    }

    [Fact]
    public void A_sender_that_writes_and_hangs_up_loses_nothing_that_was_read()
    {
        Start(new RelayLimits { PublishesPerSecondPerConnection = 1 });
        var hooks = Relay.Connect(DialectKind.Hooks);
        hooks.Send([.. Enumerable.Range(1, 10).Select(static i => $$$"""{"type":"hook.e{{{i}}}","timestamp":"2026-01-01T00:00:00Z","data":{}}""")]);
        Relay.Settle();
        hooks.Disconnect();
        Relay.Settle();
        Assert.Equal(10, Relay.History("hooks").Events.Count);
    }

    [Fact]
    public void A_chat_that_says_too_much_is_told_in_its_own_words()
    {
        Start(new RelayLimits { PublishesPerSecondPerConnection = 1 });
        var chat = Relay.Connect(DialectKind.WebUi);
        chat.Send("""{"type":"session_create"}""");
        Relay.Settle();
        chat.TakeAll();
        chat.Send([.. Enumerable.Repeat("""{"type":"chat_message","data":{"content":"hi"}}""", 3)]);
        Relay.Settle();
        Assert.Single(chat.TakeAll(), static text => text.Contains("\"code\":\"RATE_LIMITED\"", StringComparison.Ordinal));
    }

    [Fact]
    public void A_connection_that_sends_too_many_messages_is_read_later()
    {
        Start(new RelayLimits { FramesPerSecond = 10 });
        var client = Relay.Connect(DialectKind.Relay).Connection;
        var soon = Read(client, 20);
        Relay.Settle();
        Assert.True(soon.IsCompletedSuccessfully);
        var late = Read(client, 10);
        Relay.Settle();
        Assert.False(late.IsCompleted);
        Relay.Advance(0.9);
        Assert.False(late.IsCompleted);
        Relay.Advance(0.2);
        Assert.True(late.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_connection_that_sends_too_many_bytes_is_read_later_and_its_end_is_not_held_up()
    {
        Start(new RelayLimits { BytesPerSecond = 1000 });
        var client = Relay.Connect(DialectKind.Relay).Connection;
        var late = Read(client, 1, bytes: 5000);
        Assert.False(late.IsCompleted);
        client.OnDisconnected(null);
        Relay.Settle();
        Assert.True(late.IsCompletedSuccessfully);
    }

    [Fact]
    public void Limits_that_change_count_from_the_next_publish_on()
    {
        Start(RelayLimits.None);
        var client = Relay.Connect(DialectKind.Relay);
        Assert.Equal(10, Publishes(client, 10));
        _limits.Current = new RelayLimits { PublishesPerSecondPerConnection = 2 };
        Assert.Equal(4, Publishes(client, 10));
        _limits.Current = RelayLimits.None;
        Assert.Equal(10, Publishes(client, 10));
    }

    [Fact]
    public void A_user_with_too_many_connections_cannot_become_itself_on_another_one()
    {
        Start(new RelayLimits { ConnectionsPerUser = 1 });
        var first = Enter("ann");
        var second = Enter(null);
        second.Send("""{"type":"auth","token":"good-ann","id":"a"}""");
        Relay.Settle();
        Assert.Contains(second.TakeAll(), static text => text.Contains("limit connections_per_user", StringComparison.Ordinal));
        first.Disconnect();
        Relay.Settle();
        second.Send("""{"type":"auth","token":"good-ann","id":"a"}""");
        Relay.Settle();
        Assert.Contains(second.TakeAll(), static text => text.Contains("\"id\":\"a\",\"success\":true", StringComparison.Ordinal));
        Assert.NotNull(_limits.TryEnter(new Principal("ann", true), null, isNamed: false, out _));
    }

    [Fact]
    public void Without_memory_publishes_and_subscriptions_are_refused_and_without_it_for_long_the_slowest_are_cut_off()
    {
        Start(new RelayLimits { MemoryBudget = 1000 });
        var client = Relay.Connect(DialectKind.Relay);
        _limits.LookAtMemory(900);
        Assert.Equal(4, Publishes(client, 4));
        Assert.Equal((Limit.Memory, 503), _limits.TryHandshake(null) is { } door ? (door.Limit, door.Status) : default);
        _limits.LookAtMemory(1000);
        client.Send("""{"type":"publish","channel":"topics/x","event":"e","id":"p"}""", """{"type":"subscribe","channel":"topics/x","id":"s"}""");
        Relay.Settle();
        Assert.Equal(2, client.TakeAll().Count(static text => text.Contains("UNAVAILABLE", StringComparison.Ordinal) && text.Contains("limit memory", StringComparison.Ordinal)));
        _limits.LookAtMemory(700);
        Assert.Equal(4, Publishes(client, 4));
    }

    private void Start(RelayLimits limits) => _harness = new RelayHarness(configure: parts => parts with
    {
        Limits = _limits = new NodeLimits(limits, parts.Kernel.Time, NullLogger.Instance),
    });

    private FakeClient Enter(string? user)
    {
        var principal = user is null ? Principal.Anonymous : new Principal(user, true);
        Assert.Null(_limits.TryEnter(principal, IPAddress.Parse("203.0.113.7"), isNamed: false, out var lease));
        return Relay.Connect(DialectKind.Relay, request => request with { Principal = principal, Lease = lease });
    }

    /// <summary>How many of <paramref name="count"/> publishes are accepted.</summary>
    private int Publishes(FakeClient client, int count, string channel = "topics/x")
    {
        Relay.Settle();
        client.TakeAll();
        client.Send([.. Enumerable.Range(1, count).Select(i => $$"""{"type":"publish","channel":"{{channel}}","event":"e","id":"{{Guid.NewGuid()}}"}""")]);
        Relay.Settle();
        return client.TakeAll().Count(static text => text.Contains("\"success\":true", StringComparison.Ordinal));
    }

    private static Task Read(ClientConnection client, int messages, int bytes = 10)
    {
        for (var i = 0; i < messages; i++)
        {
            client.OnMessage(Encoding.UTF8.GetBytes("""{"type":"ack","message_id":"x"}"""), binary: false);
        }

        client.OnRead(bytes);
        return client.OnReadCompletedAsync(false).AsTask();
    }
}
