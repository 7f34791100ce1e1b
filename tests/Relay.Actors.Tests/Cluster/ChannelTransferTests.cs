using System.Text;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Protocol;

namespace Relay.Actors.Tests.Cluster;

/// <summary>A channel in memory that went to another node is the channel it was: the same answers to everything, now and later.</summary>
public sealed class ChannelTransferTests
{
    private const string Channel = "topics/x";

    [Fact]
    public void A_channel_that_went_to_another_node_answers_as_if_it_had_stayed()
    {
        for (var seed = 0; seed < 2000; seed++)
        {
            Play(seed);
        }
    }

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var settings = new NamespaceSettings
        {
            HistoryLength = (int[])[0, 1, 3, 20] is var lengths ? lengths[random.Next(4)] : 0,
            HistoryAge = TimeSpan.FromSeconds(random.Next(1, 20)),
            DedupeIds = random.Next(3) == 0 ? 0 : random.Next(1, 8),
            DedupeWindow = TimeSpan.FromSeconds(random.Next(1, 20)),
            KeyedValues = random.Next(3) == 0 ? 0 : random.Next(1, 4),
        };
        var now = 1_000_000_000L;
        var here = new ChannelState(Channel, Make.Epoch, settings, now);
        for (var i = random.Next(30); i > 0; i--)
        {
            now += random.Next(1_500_000);
            here.Accept(Item(random), Scope(random), now, out _);
            if (random.Next(5) == 0)
            {
                here.Prune(now);
            }
        }

        var there = new ChannelState(Channel, settings, Sent(here.Content()));
        if (random.Next(2) == 0)
        {
            // It goes over while it still serves, and then what came meanwhile.
            var copied = here.Position;
            for (var i = random.Next(15); i > 0; i--)
            {
                now += random.Next(1_500_000);
                here.Accept(Item(random), Scope(random), now, out _);
            }

            if (here.ContentAfter(copied) is { } addition)
            {
                there.Continue(Sent(addition));
            }
            else
            {
                there = new ChannelState(Channel, settings, Sent(here.Content()));
            }
        }

        AssertSame(seed, random, here, there, now);
        for (var i = random.Next(15); i > 0; i--)
        {
            now += random.Next(1_500_000);
            var (item, scope) = (Item(random), Scope(random));
            var one = here.Accept(item, scope, now, out var outcome);
            var other = there.Accept(item, scope, now, out var sameOutcome);
            Assert.True(outcome == sameOutcome, $"seed {seed}: {outcome} and {sameOutcome}");
            Assert.Equal(WireSamples.Describe(one), WireSamples.Describe(other));
            AssertSame(seed, random, here, there, now);
        }
    }

    private static ChannelContent Sent(ChannelContent content)
    {
        var writer = new WireWriter();
        StateWire.Write(writer, content);
        var reader = new WireReader(writer.Written);
        return StateWire.Read(ref reader, Channel);
    }

    private static ChannelAddition Sent(ChannelAddition addition)
    {
        var writer = new WireWriter();
        StateWire.Write(writer, addition);
        var reader = new WireReader(writer.Written);
        return StateWire.ReadAddition(ref reader, Channel);
    }

    private static void AssertSame(int seed, Random random, ChannelState here, ChannelState there, long now)
    {
        Assert.Equal((here.Position, here.IsUnused, here.HistoryCount, here.KnownIds, here.KeptKeys), (there.Position, there.IsUnused, there.HistoryCount, there.KnownIds, there.KeptKeys));
        for (var i = 0; i < 6; i++)
        {
            var query = Query(random, here.Position, now);
            var (one, other) = (HistoryAnswer.Of(query, here, now), HistoryAnswer.Of(query, there, now));
            Assert.True(WireSamples.Describe(one) == WireSamples.Describe(other), $"seed {seed}: {query}\n{WireSamples.Describe(one)}\n{WireSamples.Describe(other)}");
        }

        Assert.Equal(here.Prune(now), there.Prune(now));
    }

    private static HistoryQuery Query(Random random, StreamPosition position, long now)
    {
        var place = new StreamPosition(random.Next(5) == 0 ? new Epoch(5) : position.Epoch, random.Next((int)position.Offset + 3));
        var query = new HistoryQuery { Limit = random.Next(1, 12), Page = random.Next(2) == 0 ? null : new PageBounds(random.Next(5), random.Next(200)) };
        return random.Next(7) switch
        {
            0 => query with { Resume = place, Page = new PageBounds(3, 100), LastPerKey = random.Next(2) == 0 },
            1 => query with { After = place, IsPage = random.Next(2) == 0 },
            2 => query with { After = place, Until = position.Offset, IsPage = true },
            3 => query with { FromMicros = now - random.Next(20_000_000) },
            4 => query with { LastPerKey = true, Key = random.Next(2) == 0 ? "k1" : null },
            5 => query with { Names = ["e1"] },
            _ => query,
        };
    }

    private static string Scope(Random random) => random.Next(3) == 0 ? "somebody" : "";

    private static PublishItem Item(Random random)
    {
        var key = random.Next(2) == 0 ? $"k{random.Next(5)}" : null;
        return new PublishItem
        {
            Event = $"e{random.Next(3)}",
            Data = Encoding.UTF8.GetBytes($"{random.Next(1000)}"),
            IdempotencyKey = random.Next(2) == 0 ? $"id{random.Next(12)}" : null,
            Key = key,
            TtlMilliseconds = random.Next(3) == 0 ? random.Next(1, 8000) : 0,
            IfVersion = key is not null && random.Next(4) == 0 ? new ExpectedVersion(Make.Epoch, random.Next(8)) : null,
            Transient = random.Next(8) == 0,
            ExcludedConnection = random.Next(3),
        };
    }
}
