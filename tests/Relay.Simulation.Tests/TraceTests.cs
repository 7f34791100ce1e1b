using System.Diagnostics;
using Relay.Actors.Channels;
using Relay.Actors.Tracing;
using Relay.Protocol;

namespace Relay.Simulation.Tests;

/// <summary>Traces that go from node to node.</summary>
public sealed class TraceTests
{
    private const int Channels = 6;
    private const int Subscribers = 20;

    private static readonly TraceParent Trace = TraceParent.Parse("00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-01")!;

    [Fact]
    public void An_event_is_followed_from_its_publisher_s_node_over_its_owner_to_every_node_that_has_subscribers()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == EventTraces.SourceName,
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if (span.TraceId == Trace.TraceId)
                {
                    spans.Add(span);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        var world = new SimWorld(7, new Controls()) { IsPlanned = true };
        var (publisher, _) = (world.Add("a"), world.Add("b"));
        world.Advance(20_000);
        string[] channels = [.. Enumerable.Range(0, Channels).Select(static number => $"topics/{number}")];
        for (var i = 0; i < Subscribers; i++)
        {
            var subscriber = new SimSubscriber(world, $"s{i}", channels);
            world.Clients.Add(subscriber);
            subscriber.Connect();
        }

        world.Advance(2000);
        Assert.Equal(2, world.Clients.Select(static client => client.Node!.Id).Distinct().Count());
        var answers = channels.Select(channel => publisher.Relay.PublishAsync(channel, [new PublishItem { Event = "e", Data = "\"x\""u8.ToArray(), Trace = Trace }], "", CancellationToken.None)).ToList();
        world.Advance(2000);
        Assert.All(answers, static answer => Assert.True(answer.IsCompletedSuccessfully));

        var accepted = spans.Where(static span => span.DisplayName.StartsWith("accept ", StringComparison.Ordinal)).ToList();
        var delivered = spans.Where(static span => span.DisplayName.StartsWith("deliver ", StringComparison.Ordinal)).ToList();
        Assert.Equal(Channels, accepted.Count);
        Assert.All(accepted, static span => Assert.Equal(Trace.SpanId, span.ParentSpanId));
        Assert.Equal(2 * Channels, delivered.Count);
        Assert.Equal(Channels * Subscribers, delivered.Sum(static span => (int)span.GetTagItem("relay.subscribers")!));
        Assert.All(accepted, span => Assert.Equal(2, delivered.Count(one => one.ParentSpanId == span.SpanId)));
    }
}
