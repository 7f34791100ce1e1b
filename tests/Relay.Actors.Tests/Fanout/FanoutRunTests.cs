using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class FanoutRunTests
{
    [Fact]
    public void Every_subscriber_gets_every_event_once_and_in_order_however_many_turns_it_takes()
    {
        var set = new SubscriberSet();
        var transports = new List<FakeTransport>();
        for (var i = 0; i < 3000; i++)
        {
            var transport = new FakeTransport();
            transports.Add(transport);
            set.Add(new Subscription(Make.Client(i + 1, i % 3 == 0 ? DialectKind.Context : DialectKind.Relay, transport), "topics/x"));
        }

        var events = Enumerable.Range(1, 700).Select(static i => Make.Event(i, data: $"\"{new string('x', 200)}\"")).ToArray();
        var run = new FanoutRun(events, set, WhenSlow.Disconnect);
        var turns = 1;
        while (!run.Step())
        {
            turns++;
        }

        Assert.True(turns > 3000 / FanoutRun.SendsPerTurn);
        var whole = new byte[2][];
        foreach (var (transport, i) in transports.Select(static (transport, i) => (transport, i)))
        {
            ref var expected = ref whole[i % 3 == 0 ? 0 : 1];
            expected ??= Expected(events, i % 3 == 0 ? DialectKind.Context : DialectKind.Relay);
            Assert.True(expected.AsSpan().SequenceEqual(transport.Bytes), $"subscriber {i}");
        }
    }

    [Fact]
    public void One_turn_serves_no_more_than_its_share()
    {
        var set = new SubscriberSet();
        var transports = new List<FakeTransport>();
        for (var i = 0; i < FanoutRun.SendsPerTurn + 1; i++)
        {
            var transport = new FakeTransport();
            transports.Add(transport);
            set.Add(new Subscription(Make.Client(i + 1, transport: transport), "topics/x"));
        }

        var run = new FanoutRun([Make.Event(1)], set, WhenSlow.Disconnect);
        Assert.False(run.Step());
        Assert.Equal(1, transports.Count(static transport => transport.Bytes.Length == 0));
        Assert.True(run.Step());
        Assert.DoesNotContain(transports, static transport => transport.Bytes.Length == 0);
    }

    private static byte[] Expected(Publication[] events, DialectKind kind)
    {
        var transport = new FakeTransport();
        FanoutLoop.SendTo(events, new Subscription(Make.Client(1, kind, transport), "topics/x"));
        return transport.Bytes;
    }
}
