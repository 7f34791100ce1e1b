using System.Text;
using System.Text.Json;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>A client that missed more than may wait for it (guarantees.md 4 and 8).</summary>
public sealed class CatchUpTests
{
    private const int UnsentBytes = 16 * 1024;

    /// <summary>A quarter that may wait, a part of the same size, and one event that is cut by neither.</summary>
    private const int MostUnsent = (UnsentBytes / 2) + 1000;

    [Theory]
    [InlineData("since", 30_000)]
    [InlineData("last", 25_000)]
    [InlineData("since_time", 30_000)]
    public void Any_length_of_the_history_is_brought_whole(string wish, int expected)
    {
        using var relay = Relay(historyLength: 40_000);
        Fill(relay, "topics/x", 30_000, 1);
        var client = Connect(relay);
        client.Send(wish switch
        {
            "since" => Since(relay, "topics/x", 0),
            "last" => """{"type":"subscribe","channel":"topics/x","last":25000,"id":"s"}""",
            _ => """{"type":"subscribe","channel":"topics/x","since_time":0,"id":"s"}""",
        });
        relay.Settle();
        relay.Publish("topics/x", "live");
        var frames = client.TakeAll();
        Assert.Contains("\"offset\":30000" + (wish == "since" ? ",\"recovered\":true" : ""), frames[0], StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(30_001 - expected, expected + 1).Select(static n => (long)n), Offsets(frames[1..]));
    }

    [Fact]
    public void Many_channels_of_one_client_bring_one_part_at_a_time()
    {
        const int Channels = 30;
        const int Events = 40;
        using var relay = Relay();
        var client = Connect(relay);
        client.Transport.Room = 0;
        for (var n = 0; n < Channels; n++)
        {
            Fill(relay, "topics/" + n, Events, 300);
            client.Send(Since(relay, "topics/" + n, 0));
        }

        var most = Drain(relay, client, 1500);
        Assert.InRange(most, UnsentBytes / 4, MostUnsent + (Channels * 150));
        var byChannel = client.TakeAll().Select(Json).Where(static json => json.TryGetProperty("event", out _)).ToLookup(static json => json.GetProperty("channel").GetString());
        Assert.Equal(Channels, byChannel.Count);
        Assert.All(byChannel, static channel => Assert.Equal(Enumerable.Range(1, Events).Select(static n => (long)n), channel.Select(static one => one.GetProperty("offset").GetInt64())));
    }

    [Fact]
    public void Values_by_key_are_brought_in_parts_and_what_came_meanwhile_behind_them()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 300, 300, keyed: true);
        var client = Connect(relay);
        client.Transport.Room = 1000;
        client.Send("""{"type":"subscribe","channel":"topics/x","last_per_key":true,"id":"s"}""");
        relay.Settle();
        Fill(relay, "topics/x", 60, 300, keyed: true);
        Assert.InRange(Drain(relay, client, 1500), UnsentBytes / 4, MostUnsent);
        Assert.Equal(Enumerable.Range(1, 360).Select(static n => (long)n), Offsets(client.TakeAll()[1..]));
    }

    [Fact]
    public void What_the_history_loses_before_it_was_brought_is_told_as_a_gap_in_its_place()
    {
        using var relay = Relay(historyLength: 100);
        Fill(relay, "topics/x", 100, 300);
        var client = Stopped(relay);
        Fill(relay, "topics/x", 150, 300);
        Assert.InRange(Drain(relay, client, 1500), UnsentBytes / 4, MostUnsent);
        var frames = client.TakeAll();
        Assert.Contains("\"recovered\":true", frames[0], StringComparison.Ordinal);
        var gap = frames.FindIndex(static frame => frame.Contains("\"type\":\"gap\"", StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(1, gap - 1).Select(static n => (long)n), Offsets(frames[1..gap]));
        Assert.Equal(gap, Json(frames[gap]).GetProperty("from").GetInt64());
        var to = (int)Json(frames[gap]).GetProperty("to").GetInt64();
        Assert.Equal(150, to);
        Assert.Equal(Enumerable.Range(to + 1, 250 - to).Select(static n => (long)n), Offsets(frames[(gap + 1)..]));
    }

    [Fact]
    public void Another_life_of_the_channel_in_the_middle_is_told_and_brought_from_its_beginning()
    {
        using var relay = Relay(configure: static parts => parts with { Archive = new NoArchive() });
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        relay.Relay.Region.Tell(new ShardEnvelope("topics/x", PoisonPill.Instance), ActorRefs.Nobody);
        relay.Settle();
        Fill(relay, "topics/x", 3, 300);
        client.Transport.Open();
        relay.Settle();
        relay.Publish("topics/x", "live");
        var frames = client.TakeAll();
        var epoch = relay.History("topics/x").Position.Epoch.ToString();
        Assert.DoesNotContain(epoch, frames[0], StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, frames.Count - 6).Select(static n => (long)n), Offsets(frames[1..^5]));
        Assert.StartsWith($$"""{"type":"gap","channel":"topics/x","epoch":"{{epoch}}","from":1,"to":0,""", frames[^5]);
        Assert.All(frames[^4..], frame => Assert.Equal(epoch, Json(frame).GetProperty("epoch").GetString()));
        Assert.Equal([1, 2, 3, 4], Offsets(frames[^4..]));
    }

    [Fact]
    public void Nothing_follows_an_unsubscribe_in_the_middle()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        client.Send("""{"type":"unsubscribe","channel":"topics/x","id":"u"}""");
        relay.Settle();
        relay.Publish("topics/x", "later");
        client.Transport.Open();
        relay.Settle();
        var frames = client.TakeAll();
        Assert.InRange(frames.Count, 3, 60);
        Assert.Contains("\"id\":\"u\"", frames[^1], StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, frames.Count - 2).Select(static n => (long)n), Offsets(frames[1..^1]));
    }

    [Fact]
    public void Who_subscribes_from_now_on_in_the_middle_is_told_what_it_leaves_behind()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        client.Send("""{"type":"subscribe","channel":"topics/x","id":"again"}""");
        relay.Settle();
        client.Transport.Open();
        relay.Settle();
        relay.Publish("topics/x", "live");
        var frames = client.TakeAll();
        var (gap, again, live) = (Json(frames[^3]), Json(frames[^2]), Json(frames[^1]));
        Assert.Equal((frames.Count - 3L, 200L), (gap.GetProperty("from").GetInt64(), gap.GetProperty("to").GetInt64()));
        Assert.Equal(("again", 200L), (again.GetProperty("id").GetString(), again.GetProperty("offset").GetInt64()));
        Assert.Equal(201, live.GetProperty("offset").GetInt64());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void The_answer_to_a_publish_waits_for_its_event_but_not_for_ever(int seconds)
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        client.Send("""{"type":"publish","channel":"topics/x","event":"own","id":"p"}""");
        relay.Settle();
        relay.Advance(seconds);
        client.Transport.Open();
        relay.Settle();
        var frames = client.TakeAll();
        var own = frames.FindIndex(static frame => frame.Contains("\"event\":\"own\"", StringComparison.Ordinal));
        var ack = frames.FindIndex(static frame => frame.Contains("\"id\":\"p\"", StringComparison.Ordinal) && frame.Contains("\"type\":\"ack\"", StringComparison.Ordinal));
        Assert.Equal(203, frames.Count);
        Assert.Contains("\"offset\":201,\"duplicate\":false,\"subscribers\":1", frames[ack], StringComparison.Ordinal);
        Assert.Equal(seconds == 0, own < ack);
    }

    [Fact]
    public void Who_still_catches_up_counts_as_subscriber_and_is_present()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay, ",\"presence\":true");
        Assert.Equal(1, relay.Publish("topics/x", "e").Subscribers);
        Assert.Equal(1, relay.Relay.Channels.Counts(DialectKind.Relay)["topics/x"]);
        var other = Connect(relay);
        other.Send("""{"type":"presence","channel":"topics/x","id":"1"}""");
        relay.Settle();
        Assert.Contains("\"count\":1", Assert.Single(other.TakeAll()), StringComparison.Ordinal);
        client.Disconnect();
        relay.Settle();
        other.Send("""{"type":"presence","channel":"topics/x","id":"2"}""");
        relay.Settle();
        Assert.Contains("\"count\":0", Assert.Single(other.TakeAll()), StringComparison.Ordinal);
        Assert.Equal(0, relay.Publish("topics/x", "e").Subscribers);
    }

    [Fact]
    public void A_reader_that_stops_in_the_middle_is_ended_though_it_goes_on_sending()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        var idle = (int)RelayJsonDialect.DefaultProfile.IdleTimeout.TotalSeconds;
        for (var second = 0; second < idle + 10; second++)
        {
            Assert.InRange(client.Connection.Outbound.UnsentBytes, 0, MostUnsent + 5000);
            Assert.True(second >= idle || !client.Connection.Outbound.IsClosing, $"Ended after {second} s");
            client.Send("""{"type":"ping"}""");
            relay.Advance(1);
        }

        Assert.True(client.Transport.IsAborted);
        Assert.Equal(0, client.Connection.Outbound.UnsentBytes);
        Assert.Equal(0, relay.Publish("topics/x", "e").Subscribers);
    }

    [Fact]
    public void A_reader_that_is_slow_is_not_ended()
    {
        using var relay = Relay();
        Fill(relay, "topics/x", 200, 300);
        var client = Stopped(relay);
        for (var second = 0; second < 600; second++)
        {
            client.Transport.Open(200);
            client.Send("""{"type":"ping"}""");
            relay.Advance(1);
        }

        client.Transport.Open();
        relay.Settle();
        Assert.Equal(200, client.TakeAll().Count(static frame => frame.Contains("\"event\"", StringComparison.Ordinal)));
        Assert.False(client.Transport.IsEnded);
    }

    private static RelayHarness Relay(int historyLength = 1000, Func<RelayParts, RelayParts>? configure = null) => new(
        settings: new RelaySettings
        {
            UnsentBytes = UnsentBytes,
            DefaultNamespace = new NamespaceSettings { HistoryLength = historyLength, HistoryAge = TimeSpan.FromDays(1), KeyedValues = 1000 },
        },
        configure: configure);

    private static FakeClient Connect(RelayHarness relay)
    {
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        return client;
    }

    /// <summary>A client that asked for everything and reads no further than some bytes.</summary>
    private static FakeClient Stopped(RelayHarness relay, string members = "")
    {
        var client = Connect(relay);
        client.Transport.Room = 1000;
        client.Send(Since(relay, "topics/x", 0, members));
        relay.Settle();
        Assert.InRange(client.Connection.Outbound.UnsentBytes, 1, MostUnsent);
        return client;
    }

    private static string Since(RelayHarness relay, string channel, long offset, string members = "") =>
        $$"""{"type":"subscribe","channel":"{{channel}}","since":{"epoch":"{{relay.History(channel).Position.Epoch}}","offset":{{offset}}}{{members}},"id":"s"}""";

    private static void Fill(RelayHarness relay, string channel, int count, int bytes, bool keyed = false)
    {
        var data = Encoding.UTF8.GetBytes($"\"{new string('x', bytes)}\"");
        for (var done = 0; done < count; done += 1000)
        {
            var items = Enumerable.Range(done, Math.Min(1000, count - done)).Select(n => new PublishItem { Event = "e", Data = data, Key = keyed ? $"{count}-{n}" : null });
            relay.Await(relay.Relay.PublishAsync(channel, [.. items], "", CancellationToken.None));
        }
    }

    /// <summary>Lets the client read in steps until nothing is left; the most that waited for it.</summary>
    private static long Drain(RelayHarness relay, FakeClient client, int step)
    {
        relay.Settle();
        long most = 0;
        while (client.Connection.Outbound.UnsentBytes is var unsent and > 0)
        {
            most = Math.Max(most, unsent);
            client.Transport.Open(step);
            relay.Settle();
        }

        return most;
    }

    /// <summary>Every owner begins anew.</summary>
    private sealed class NoArchive : IChannelArchive
    {
        public ChannelState? Take(string channel) => null;

        public IReadOnlyList<string> Names(Func<string, bool> isWanted) => [];

        public bool TryRead(string channel, Action<ChannelState> read) => false;

        public IReadOnlyList<(string Channel, ChannelState State)> TakeAll(Func<string, bool> isWanted) => [];

        public void Put(string channel, ChannelState state)
        {
            // Forgotten.
        }
    }

    private static JsonElement Json(string frame) => JsonDocument.Parse(frame).RootElement;

    private static IEnumerable<long> Offsets(IEnumerable<string> frames) => frames.Select(static frame => Json(frame).GetProperty("offset").GetInt64());
}
