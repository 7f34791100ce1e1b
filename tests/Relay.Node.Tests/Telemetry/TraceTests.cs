using System.Text;
using Relay.Node.Tests.EventStreams;

namespace Relay.Node.Tests.Telemetry;

/// <summary>Traces of the real program, as a collector gets them.</summary>
public sealed class TraceTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Span = "00f067aa0ba902b7";

    [Fact]
    public async Task A_publish_with_a_sampled_traceparent_is_followed_to_the_sockets()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var node = await StreamNode.StartAsync($"Telemetry:Otlp:Endpoint={collector.Url}");
        using var stream = await node.SubscribeAsync("channel=topics/secret-room");
        await PublishAsync(node, $"00-{Trace}-{Span}-00");
        await PublishAsync(node, "nonsense");
        await PublishAsync(node, null);
        await PublishAsync(node, $"00-{Trace}-{Span}-01");
        await node.TerminateAsync();
        Assert.Equal(0, await node.ExitAsync());

        var spans = collector.Spans.OrderBy(static span => span.Name, StringComparer.Ordinal).ToList();
        Assert.Equal(["accept topics", "deliver topics"], spans.Select(static span => span.Name), StringComparer.Ordinal);
        Assert.All(spans, static span => Assert.Equal(Trace, span.TraceId));
        Assert.Equal(Span, spans[0].ParentId);
        Assert.Equal(spans[0].Id, spans[1].ParentId);
        Assert.All(spans, static span => Assert.DoesNotContain("secret", string.Join(' ', span.Attributes.Values), StringComparison.Ordinal));
        Assert.Equal("topics", spans[0].Attributes["messaging.destination.template"]);
        Assert.Equal("4", spans[0].Attributes["relay.offset"]);
        Assert.Equal("1", spans[1].Attributes["relay.subscribers"]);
    }

    [Fact]
    public async Task Publishes_without_a_trace_begin_one_where_that_is_switched_on()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var node = await StreamNode.StartAsync($"Telemetry:Otlp:Endpoint={collector.Url}", "Telemetry:Traces:Share=1");
        using var stream = await node.SubscribeAsync("channel=topics/a");
        await PublishAsync(node, null, "topics/a");
        await node.TerminateAsync();
        Assert.Equal(0, await node.ExitAsync());
        var accepted = Assert.Single(collector.Spans, static span => span.Name == "accept topics");
        var delivered = Assert.Single(collector.Spans, static span => span.Name == "deliver topics");
        Assert.Equal("", accepted.ParentId);
        Assert.Equal((accepted.TraceId, accepted.Id), (delivered.TraceId, delivered.ParentId));
    }

    private static async Task PublishAsync(StreamNode node, string? traceparent, string channel = "topics/secret-room")
    {
        using var request = node.Request(HttpMethod.Post, "/api/v1/publish");
        if (traceparent is not null)
        {
            request.Headers.Add("traceparent", traceparent);
        }

        request.Content = new StringContent($"{{\"channel\":\"{channel}\",\"event\":\"a.b\",\"data\":{{\"who\":\"secret-user\"}}}}", Encoding.UTF8);
        using var answer = await node.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
