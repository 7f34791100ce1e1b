using System.Diagnostics.Metrics;
using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Actors.Metrics;
using Relay.Protocol;

namespace Relay.Actors.Tests.Metrics;

/// <summary>What a relay of one node counts.</summary>
public sealed class RelayMetricsTests : IDisposable
{
    private readonly List<Meter> _meters = [];
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _sums = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _seen = new(StringComparer.Ordinal);

    public void Dispose()
    {
        _listener.Dispose();
        _meters.ForEach(static meter => meter.Dispose());
    }

    [Fact]
    public void Publishes_are_counted_by_what_became_of_them()
    {
        using var relay = Start();
        var client = relay.Connect(DialectKind.Relay);
        client.Send(
            """{"type":"publish","id":"1","channel":"topics/a","event":"e","key":"k"}""",
            """{"type":"publish","id":"1","channel":"topics/a","event":"e","key":"k"}""",
            """{"type":"publish","id":"2","channel":"topics/a","event":"e","key":"k","if_version":0}""",
            """{"type":"publish_batch","id":"3","items":[{"channel":"topics/a","event":"e"},{"channel":"global","event":"e"}]}""");
        relay.Settle();
        Assert.Equal(2, Read("relay.channel.publishes topics accepted"));
        Assert.Equal(1, Read("relay.channel.publishes topics duplicate"));
        Assert.Equal(1, Read("relay.channel.publishes topics rejected"));
        Assert.Equal(1, Read("relay.channel.publishes global accepted"));
        Assert.Equal(1, Read("relay.client.refusals relay VERSION_MISMATCH"));
        Assert.True(Read("relay.channel.publish.duration topics") >= 1);
    }

    [Fact]
    public void What_clients_get_is_counted_by_dialect_and_those_left_out_do_not_count()
    {
        using var relay = Start();
        var (all, some, context) = (relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Context));
        all.Send("""{"type":"subscribe","channel":"topics/a","id":"s"}""");
        some.Send("""{"type":"subscribe","channel":"topics/a","id":"s","filter":{"events":["task.*"]}}""");
        context.Send("""{"type":"subscribe","channel":"topics/a","id":"s"}""");
        relay.Settle();
        var before = Read("relay.client.io transmit relay");
        relay.Publish("topics/a", "task.new");
        relay.Publish("topics/a", "other");
        Assert.Equal(3, Read("relay.client.deliveries relay"));
        Assert.Equal(2, Read("relay.client.deliveries context"));
        all.TakeAll();
        Assert.Equal(all.Transport.Bytes.Length + some.Transport.Bytes.Length, Read("relay.client.io transmit relay"));
        Assert.True(Read("relay.client.io transmit relay") > before);
        Assert.Equal(2, Read("relay.channel.delivery.duration topics"));
    }

    [Fact]
    public void What_stands_now_goes_back_to_zero_when_clients_go()
    {
        using var relay = Start();
        var client = relay.Connect(DialectKind.Relay);
        client.Send("""{"type":"subscribe","channel":"topics/a","id":"1","presence":true}""", """{"type":"subscribe","channel":"topics/*","id":"2"}""", """{"type":"subscribe","channel":"topics/b","id":"3"}""");
        relay.Settle();

        // The fourth is global, which every native client hears.
        Assert.Equal(
            (4, 2, 1, 1),
            (Read("relay.client.subscriptions relay"), Read("relay.channel.replicas topics"), Read("relay.channel.members topics"), Read("relay.client.connections relay open")));
        client.Send("""{"type":"unsubscribe","channel":"topics/b","id":"4"}""");
        relay.Settle();
        Assert.Equal(3, Read("relay.client.subscriptions relay"));
        client.Disconnect();
        relay.Settle();
        relay.Advance(1);
        Assert.Equal(
            (0, 0, 0, 0),
            (Read("relay.client.subscriptions relay"), Read("relay.channel.replicas topics"), Read("relay.channel.members topics"), Read("relay.client.connections relay open")));
        Assert.Equal(1, Read("relay.client.sessions"));
    }

    [Fact]
    public void Slow_clients_are_counted_by_what_they_lose()
    {
        using var relay = Start(new RelaySettings
        {
            UnsentBytes = 4096,
            Namespaces = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal)
            {
                ["topics"] = new() { WhenSlow = WhenSlow.Conflate },
                ["global"] = new() { WhenSlow = WhenSlow.DropOldest },
                ["projects"] = new() { WhenSlow = WhenSlow.Disconnect },
            },
        });
        var client = relay.Connect(DialectKind.Relay);
        client.Send("""{"type":"subscribe","channel":"topics/a","id":"1"}""", """{"type":"subscribe","channel":"global","id":"2"}""");
        relay.Settle();
        client.Transport.Room = 0;
        for (var i = 0; i < 40; i++)
        {
            relay.Await(relay.Relay.PublishAsync("topics/a", [new PublishItem { Event = "e", Key = "k", Data = new byte[200].Select(static _ => (byte)'1').ToArray() }], "", CancellationToken.None));
        }

        var conflated = Read("relay.client.left_out relay conflated");
        Assert.True(conflated > 10);
        Assert.Equal(0, Read("relay.client.left_out relay dropped"));
        Assert.True(Read("relay.client.queue.size relay") > 0);
        Assert.Equal(1, Read("relay.client.queue.connections relay"));
        for (var i = 0; i < 40; i++)
        {
            relay.Publish("global", "e", new string('1', 200));
        }

        Assert.True(Read("relay.client.left_out relay dropped") > 10);
        Assert.Equal(client.Connection.Outbound.DroppedEvents, Read("relay.client.left_out relay dropped") + Read("relay.client.left_out relay conflated"));
        Assert.Equal(0, Read("relay.client.overflows relay"));
        var other = relay.Connect(DialectKind.Relay);
        other.Send("""{"type":"subscribe","channel":"projects/a","id":"1"}""");
        relay.Settle();
        other.Transport.Room = 0;
        for (var i = 0; i < 40; i++)
        {
            relay.Publish("projects/a", "e", new string('1', 200));
        }

        relay.Advance(0.3);
        Assert.Equal(1, Read("relay.client.overflows relay"));
        Assert.Equal(1, Read("relay.client.connections relay closing"));
        client.Transport.Open();
        other.Transport.Open();
        relay.Settle();
    }

    [Fact]
    public void Resumes_recoveries_and_closes_are_counted_by_outcome()
    {
        using var relay = Start();
        relay.Publish("topics/a", "e");
        var client = relay.Connect(DialectKind.Relay);
        var epoch = relay.History("topics/a").Position.Epoch;
        var another = relay.History("topics/c").Position.Epoch;
        client.Send(
            """{"type":"resume","id":"r","session":"nobodys"}""",
            $$"""{"type":"subscribe","channel":"topics/a","id":"1","since":{"epoch":"{{epoch}}","offset":0} }""",
            $$"""{"type":"subscribe","channel":"topics/b","id":"2","since":{"epoch":"{{another}}","offset":7} }""");
        relay.Settle();
        Assert.Equal(1, Read("relay.client.resumes relay SESSION_NOT_FOUND"));
        Assert.Equal(1, Read("relay.client.recoveries relay complete"));
        Assert.Equal(1, Read("relay.client.recoveries relay gap"));
        client.Connection.Close(4000, "test");
        client.Connection.Close(4000, "again");
        Assert.Equal(1, Read("relay.client.closes relay 4000 node"));
    }

    [Fact]
    public void Actors_and_their_mailboxes_are_shown()
    {
        using var relay = Start();
        var live = Read("relay.actors.live");
        Assert.True(live > 3);
        relay.Connect(DialectKind.Relay);
        Assert.True(Read("relay.actors.live") > live);
        Assert.True(Read("relay.actors.mailbox.depth") >= 1);
        Assert.Equal(0, Read("relay.actors.failures"));
    }

    private RelayHarness Start(RelaySettings? settings = null)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (_meters.Contains(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Take(instrument, 1, tags));
        var relay = new RelayHarness(settings: settings, configure: parts => parts with { Metrics = new RelayMetrics(NewMeter, ["topics", "global", "agents"]) });
        _listener.Start();
        return relay;
    }

    private Meter NewMeter(string name)
    {
        var meter = new Meter(name);
        _meters.Add(meter);
        return meter;
    }

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name;
        foreach (var tag in tags)
        {
            name += " " + tag.Value;
        }

        if (instrument.IsObservable)
        {
            _seen[name] = value;
        }
        else
        {
            _sums[name] = _sums.GetValueOrDefault(name) + value;
        }
    }

    /// <summary>A counter's or gauge's value; of a histogram how many it has.</summary>
    private double Read(string name)
    {
        _seen.Clear();
        _listener.RecordObservableInstruments();
        return _seen.GetValueOrDefault(name, _sums.GetValueOrDefault(name));
    }
}
