using System.Text;
using System.Text.Json;
using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Sessions that are taken up again, where a transcript does not do: bounds, races, deaths in between.</summary>
public sealed class SessionTests
{
    [Fact]
    public void What_the_credentials_no_longer_allow_does_not_come_back()
    {
        using var relay = new RelayHarness();
        var first = relay.Connect(DialectKind.Relay, request => request with { Principal = new Principal("ann", true) });
        var token = TokenOf(first);
        first.Send("""{"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}""");
        relay.Settle();
        first.Mute = true;
        var second = relay.Connect(DialectKind.Relay, request => request with { Principal = new Principal("ann", true) { MaySubscribe = false } });
        second.TakeAll();
        second.Send($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
        relay.Settle();
        Assert.Contains("""{"channel":"topics/x","code":"NOT_AUTHORIZED"}""", Assert.Single(second.TakeAll()));
        relay.Publish("topics/x", "e");
        Assert.Empty(second.TakeAll());
        relay.Advance(7);
        Assert.Empty(relay.Relay.Channels.Counts(DialectKind.Relay));
    }

    [Fact]
    public void A_changed_character_makes_a_token_worthless()
    {
        using var relay = new RelayHarness();
        var token = TokenOf(relay.Connect(DialectKind.Relay));
        var other = relay.Connect(DialectKind.Relay);
        other.TakeAll();
        for (var at = 0; at < token.Length; at++)
        {
            var forged = token[..at] + (token[at] == 'A' ? 'B' : 'A') + token[(at + 1)..];
            other.Send($$"""{"type":"resume","id":"r","session":"{{forged}}"}""");
            relay.Settle();
            Assert.Contains("SESSION_NOT_FOUND", Assert.Single(other.TakeAll()));
        }
    }

    [Fact]
    public void A_session_can_be_taken_up_within_the_window_and_not_after()
    {
        using var relay = new RelayHarness(settings: new RelaySettings { SessionResumeWindow = TimeSpan.FromSeconds(30) });
        foreach (var (away, found) in new[] { (29, true), (30, false) })
        {
            var first = relay.Connect(DialectKind.Relay);
            var token = TokenOf(first);
            first.Disconnect();
            relay.Settle();
            relay.Advance(away);
            var second = relay.Connect(DialectKind.Relay);
            second.TakeAll();
            second.Send($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
            relay.Settle();
            Assert.Contains(found ? "\"success\":true" : "SESSION_NOT_FOUND", Assert.Single(second.TakeAll()));
            second.Disconnect();
        }
    }

    [Fact]
    public void Of_three_that_want_the_same_session_at_once_one_has_it_in_the_end()
    {
        for (var seed = 1; seed <= 100; seed++)
        {
            using var relay = new RelayHarness(seed);
            var random = new Random(seed);
            var first = relay.Connect(DialectKind.Relay);
            var token = TokenOf(first);
            first.Send("""{"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}""");
            relay.Settle();
            if (seed % 2 == 0)
            {
                first.Mute = true;
            }
            else
            {
                first.Disconnect();
            }

            var others = Enumerable.Range(0, 3).Select(_ => relay.Connect(DialectKind.Relay)).ToList();
            foreach (var other in others)
            {
                other.TakeAll();
                other.Send($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
            }

            while (relay.Step(random))
            {
                // In any order.
            }

            relay.Settle();
            var answers = others.Select(static other => (Client: other, Frames: other.TakeAll())).ToList();
            Assert.All(answers, static one => Assert.Matches("success\":true|UNAVAILABLE|SESSION_NOT_FOUND", one.Frames[0]));
            var winners = answers.Where(static one => one.Frames is [var only] && only.Contains("success\":true", StringComparison.Ordinal)).ToList();
            Assert.Single(winners);
            relay.Publish("topics/x", "e");
            Assert.Single(winners[0].Client.TakeAll());
            Assert.Equal(1, relay.Relay.Channels.Counts(DialectKind.Relay)["topics/x"]);
        }
    }

    [Fact]
    public void Whoever_dies_while_it_takes_over_leaves_the_session_to_the_next_and_no_member_behind()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            using var relay = new RelayHarness(seed);
            var random = new Random(seed);
            var watcher = relay.Connect(DialectKind.Relay);
            watcher.Send("""{"type":"subscribe","channel":"topics/x","presence":true}""");
            var first = relay.Connect(DialectKind.Relay);
            var token = TokenOf(first);
            first.Send("""{"type":"subscribe","channel":"topics/x","presence":true,"id":"s"}""");
            relay.Settle();
            first.Mute = seed % 3 == 1;
            if (seed % 3 == 0)
            {
                first.Disconnect();
                relay.Settle();
            }

            var second = relay.Connect(DialectKind.Relay);
            second.Send($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
            for (var steps = random.Next(40); steps > 0 && relay.Step(random); steps--)
            {
                // It gets so far.
            }

            second.Disconnect();
            relay.Settle();
            relay.Advance(7);
            first.Disconnect();
            relay.Settle();
            watcher.TakeAll();
            watcher.Send("""{"type":"presence","channel":"topics/x","id":"p"}""");
            relay.Settle();
            Assert.Contains("\"count\":1", Assert.Single(watcher.TakeAll()));
            var third = relay.Connect(DialectKind.Relay);
            third.TakeAll();
            third.Send($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
            relay.Settle();
            Assert.Matches("\"success\":true.*topics/x", Assert.Single(third.TakeAll()));
        }
    }

    [Fact]
    public void Two_that_want_each_others_session_do_not_wait_for_ever()
    {
        for (var seed = 1; seed <= 50; seed++)
        {
            using var relay = new RelayHarness(seed);
            var random = new Random(seed);
            var (a, b) = (relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Relay));
            var (ofA, ofB) = (TokenOf(a), TokenOf(b));
            a.Send($$"""{"type":"resume","id":"r","session":"{{ofB}}"}""");
            b.Send($$"""{"type":"resume","id":"r","session":"{{ofA}}"}""");
            while (relay.Step(random))
            {
                // In any order.
            }

            relay.Settle();
            Assert.All(new[] { a, b }, static one => Assert.True(one.IsReaderFree));
        }
    }

    [Fact]
    public void A_live_event_between_the_answer_and_the_subscription_comes_once_and_in_order()
    {
        for (var seed = 1; seed <= 100; seed++)
        {
            using var relay = new RelayHarness(seed);
            var random = new Random(seed);
            var first = relay.Connect(DialectKind.Relay);
            var token = TokenOf(first);
            first.Send("""{"type":"subscribe","channel":"topics/x","id":"s"}""");
            relay.Settle();
            relay.Publish("topics/x", "e", "1");
            relay.Publish("global", "e", "1");
            var epochs = first.TakeAll().Select(static frame => JsonDocument.Parse(frame).RootElement).Where(static json => json.TryGetProperty("channel", out _))
                .ToDictionary(static json => json.GetProperty("channel").GetString()!, static json => json.GetProperty("epoch").GetString());
            first.Disconnect();
            relay.Settle();
            relay.Publish("topics/x", "e", "2");
            relay.Publish("global", "e", "2");
            var second = relay.Connect(DialectKind.Relay);
            second.TakeAll();
            var positions = JsonSerializer.Serialize(epochs.ToDictionary(static pair => pair.Key, static pair => new { epoch = pair.Value, offset = 1 }));
            second.Send($$"""{"type":"resume","id":"r","session":"{{token}}","positions":{{positions}}}""");
            var publishing = new List<Task>();
            for (var n = 3; n <= 12; n++)
            {
                var item = new PublishItem { Event = "e", Data = Encoding.UTF8.GetBytes(n.ToString()) };
                publishing.Add(relay.Relay.PublishAsync("topics/x", [item], "", CancellationToken.None));
                publishing.Add(relay.Relay.PublishAsync("global", [item], "", CancellationToken.None));
                for (var steps = random.Next(6); steps > 0 && relay.Step(random); steps--)
                {
                    // Events fall everywhere into the resume.
                }
            }

            relay.Settle();
            Assert.All(publishing, static one => Assert.True(one.IsCompletedSuccessfully));
            var frames = second.TakeAll().SkipWhile(static frame => !frame.Contains("\"ack\"", StringComparison.Ordinal)).Skip(1).ToList();
            foreach (var channel in epochs.Keys)
            {
                Assert.Equal(
                    Enumerable.Range(2, 11),
                    frames.Where(frame => frame.Contains($"\"{channel}\"", StringComparison.Ordinal))
                        .Select(static frame => JsonDocument.Parse(frame).RootElement.GetProperty("offset").GetInt32()));
            }
        }
    }

    [Fact]
    public void What_slips_out_of_the_history_between_answer_and_subscription_is_told_as_a_gap()
    {
        var time = new ManualTime();
        var transport = new FakeTransport();
        var client = Make.Client(1, DialectKind.Relay, transport, time: time);
        var members = new SubscriberSet();
        var position = new StreamPosition(Make.Epoch, 9);
        new ReplicaMembers(time, members).Begin(
            new Subscription(client, "topics/x") { Since = new StreamPosition(Make.Epoch, 3) }, position, position, recovered: false);
        Assert.StartsWith($$"""{"type":"gap","channel":"topics/x","epoch":"{{Make.Epoch}}","from":4,"to":9,""", Assert.Single(Make.Reader(client, transport).TakeAll()));
    }

    [Fact]
    public void Ended_sessions_are_bounded_in_number_and_memory_and_the_oldest_go_first()
    {
        var time = new ManualTime();
        var store = new SessionStore(TimeSpan.FromMinutes(2), time);
        for (var n = 1; n <= SessionStore.MaxSessions + 10; n++)
        {
            store.End(Make.Client(n, time: time), Record(n, channels: 0));
        }

        Assert.Equal(SessionStore.MaxSessions, store.Count);
        Assert.Null(Take(store, 10));
        Assert.NotNull(Take(store, 11));
        Assert.Null(Take(store, 11));
        var large = Record(200_000, channels: 2000);
        var fit = (int)(SessionStore.MaxWeight / large.Weight);
        for (var n = 0; n < fit; n++)
        {
            store.End(Make.Client(200_000 + n, time: time), large with { Session = 200_000 + n });
        }

        Assert.InRange(store.Count, fit, fit + 1000);
        Assert.Null(Take(store, 90_000));
        store.End(Make.Client(300_000, time: time), Record(300_000, channels: 20_000));
        Assert.Null(Take(store, 300_000));
        time.Advance(TimeSpan.FromMinutes(2));
        store.Prune();
        Assert.Equal(0, store.Count);
    }

    private static SessionRecord Record(long session, int channels) => new()
    {
        Session = session,
        ClientId = "ws_1",
        Subject = "",
        Subscriptions = [.. Enumerable.Range(0, channels).Select(static n => new SessionSubscription("topics/" + n, false, PresenceWish.None, null))],
    };

    private static SessionRecord? Take(SessionStore store, long session) => store.Take(session, Make.Client(1), static _ => true, out _);

    private static string TokenOf(FakeClient client) => JsonDocument.Parse(client.TakeAll()[0]).RootElement.GetProperty("session").GetString()!;
}
