using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>What comes for a channel, a replica or a pattern in the very moment in which it goes to sleep. Every schedule of many seeds.</summary>
public sealed class PassivationTests
{
    [Fact]
    public void Who_subscribes_while_the_channel_falls_asleep_sees_its_own_event_before_the_ack()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            using var relay = new RelayHarness(seed, throughput: 1);
            var client = Connect(relay);
            relay.Publish("topics/x", "before");

            // Its time is over when the subscription is somewhere on the way.
            var random = new Random(seed);
            client.Send("""{"type":"subscribe","channel":"topics/x"}""", """{"type":"publish","channel":"topics/x","event":"own","id":"p"}""");
            Steps(relay, random, random.Next(12));
            relay.Time.Settle = null;
            relay.Advance(121);
            Steps(relay, random, int.MaxValue);
            var frames = client.TakeAll();
            Assert.Equal(2, frames.Count);
            Assert.Contains("\"event\":\"own\"", frames[0]);
            Assert.Contains("\"offset\":2,\"duplicate\":false,\"subscribers\":1", frames[1]);
        }
    }

    [Theory]
    [InlineData("topics/x")]
    [InlineData("topics/*")]
    public void Who_subscribes_while_the_replica_falls_asleep_is_subscribed(string channel)
    {
        for (var seed = 0; seed < 400; seed++)
        {
            using var relay = new RelayHarness(seed, throughput: 1);
            var random = new Random(seed);
            var one = Connect(relay);
            var two = Connect(relay);
            one.Send($$"""{"type":"subscribe","channel":"{{channel}}"}""", $$"""{"type":"unsubscribe","channel":"{{channel}}","id":"u"}""");
            Steps(relay, random, random.Next(60));
            two.Send($$"""{"type":"subscribe","channel":"{{channel}}","id":"s"}""");
            Steps(relay, random, int.MaxValue);
            Assert.Contains("\"id\":\"u\"", Assert.Single(one.TakeAll()));
            Assert.Contains("\"id\":\"s\"", Assert.Single(two.TakeAll()));
            relay.Publish("topics/x", "e");
            Assert.Empty(one.TakeAll());
            Assert.Contains("\"event\":\"e\"", Assert.Single(two.TakeAll()));
            two.Disconnect();
            one.Disconnect();
            relay.Settle();
            Assert.Equal(0, relay.Await(relay.Relay.Replicas.Ask<ShardRegionStats>(GetShardRegionStats.Instance, TimeSpan.FromSeconds(1))).Entities);
        }
    }

    private static FakeClient Connect(RelayHarness relay)
    {
        var dialect = Protocol.Dialects.Create(RelayJsonDialect.DefaultProfile with { IdleTimeout = TimeSpan.FromDays(1) });
        var client = relay.Connect(DialectKind.Relay, request => request with { Dialect = dialect });
        client.TakeAll();
        return client;
    }

    private static void Steps(RelayHarness relay, Random random, int count)
    {
        while (count-- > 0 && relay.Step(random))
        {
        }
    }
}
