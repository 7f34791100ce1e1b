using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using Relay.Kernel.Measuring;
using Relay.Node.Telemetry;
using Relay.Node.Tests.EventStreams;
using Relay.Testing;

namespace Relay.Node.Tests.Telemetry;

/// <summary>The real program's <c>/metrics</c>.</summary>
public sealed class MetricsEndpointTests
{
    private const string Key = "scraper-key-0123456789";

    [Fact]
    public async Task What_clients_and_services_did_stands_in_metrics_and_nobody_is_named()
    {
        await using var node = await StreamNode.StartAsync("Namespaces:topics:HistoryLength=10");
        using var socket = await ConnectAsync(node, "relay.v1");
        await SayAsync(socket, """{"type":"subscribe","id":"1","channel":"topics/secret-room"}""", "\"id\":\"1\"");
        using var stream = await node.SubscribeAsync("channel=topics/secret-room");
        for (var i = 0; i < 3; i++)
        {
            await node.PublishAsync("topics/secret-room", "{\"who\":\"secret-user\"}");
        }

        await SayAsync(socket, """{"type":"publish","id":"2","channel":"topics/secret-room","event":"a.b","data":1}""", "\"id\":\"2\"");
        await SayAsync(socket, """{"type":"publish","id":"3","channel":"global","event":"a.b","data":1}""", "\"id\":\"3\"");
        await SayAsync(socket, """{"type":"subscribe","id":"4","channel":"no such channel!"}""", "INVALID_CHANNEL");
        await stream.Reader.MessagesAsync(4);

        var text = await ScrapeAsync(node);
        var metrics = Exposition.Read(text);
        Assert.Equal(4, metrics.Sum("relay_channel_publishes_total", ("namespace", "topics"), ("outcome", "accepted")));
        Assert.Equal(1, metrics.Sum("relay_channel_publishes_total", ("namespace", "global"), ("outcome", "accepted")));

        // A native client hears global without asking.
        Assert.Equal(5, metrics.Sum("relay_client_deliveries_total", ("dialect", "relay")));
        Assert.Equal(4, metrics.Sum("relay_client_deliveries_total", ("dialect", "sse")));
        Assert.Equal(2, metrics.Sum("relay_client_subscriptions", ("dialect", "relay")));
        Assert.Equal(1, metrics.Sum("relay_client_connections", ("dialect", "relay"), ("state", "open")));
        Assert.Equal(1, metrics.Sum("relay_websocket_open", ("dialect", "sse")));
        Assert.Equal(4, metrics.Sum("relay_client_frames_total", ("dialect", "relay"), ("direction", "receive")));
        Assert.True(metrics.Sum("relay_client_io_bytes_total", ("dialect", "relay"), ("direction", "receive")) > 200);
        Assert.True(metrics.Sum("relay_client_io_bytes_total", ("dialect", "relay"), ("direction", "transmit")) > 400);
        Assert.Equal(1, metrics.Sum("relay_client_refusals_total", ("dialect", "relay"), ("code", "INVALID_CHANNEL")));
        Assert.Equal(4, metrics.Sum("relay_channel_publish_duration_seconds_count", ("namespace", "topics")));
        Assert.True(metrics.Sum("relay_channel_delivery_duration_seconds_count", ("namespace", "topics")) >= 1);
        Assert.Equal(1, metrics.Sum("relay_channel_replicas", ("namespace", "topics")));
        Assert.Equal(1, metrics.Sum("relay_channel_live", ("namespace", "topics")));
        Assert.True(metrics.Sum("relay_actors_live") > 5);
        Assert.True(metrics.Sum("dotnet_process_memory_working_set_bytes") > 1_000_000);
        Assert.Equal(1, metrics.Sum("target_info", ("service_name", "actorrelay")));
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", text, StringComparison.Ordinal);
        Assert.All(metrics.Samples.Where(static sample => sample.Name.StartsWith("relay_", StringComparison.Ordinal)), IsDescribed);
    }

    [Fact]
    public async Task OpenMetrics_is_served_to_who_asks_for_it()
    {
        await using var node = await StreamNode.StartAsync();
        using var request = node.Request(HttpMethod.Get, "/metrics");
        request.Headers.Accept.ParseAdd("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
        using var answer = await node.SendAsync(request);
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        var metrics = Exposition.Read(await answer.Content.ReadAsStringAsync(), openMetrics: true);
        Assert.Equal("counter", metrics.Types["dotnet_gc_collections"]);
    }

    [Fact]
    public async Task A_stranger_and_a_key_without_the_right_are_refused_and_the_scrapers_key_is_not()
    {
        await using var node = await StreamNode.StartAsync(
            "Auth:ApiKeys:0:Name=scraper", "Auth:ApiKeys:0:Rights=metrics", $"Auth:ApiKeys:0:Key={Key}", "Auth:ApiKeys:1:Name=app", "Auth:ApiKeys:1:Key=app-key-0123456789");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(node, null));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(node, "app-key-0123456789"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, Key));
    }

    [Fact]
    public async Task Switched_off_there_is_none()
    {
        await using var node = await StreamNode.StartAsync("Metrics:Enabled=false");
        using var answer = await node.SendAsync(node.Request(HttpMethod.Get, "/metrics"));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static void IsDescribed(Sample sample)
    {
        var metric = MetricsSetup.Described.SelectMany(static group => group.Metrics).SingleOrDefault(metric => IsOf(sample, metric));
        Assert.True(metric is not null, $"{sample.Name} is not described");
        Assert.Equal(metric.Tags.Select(static tag => tag.Name).Order(StringComparer.Ordinal), sample.Labels.Keys.Where(static label => label != "le").Order(StringComparer.Ordinal));
    }

    private static bool IsOf(Sample sample, Metric metric)
    {
        var name = MetricsReference.PrometheusNameOf(metric);
        return metric.Kind == MetricKind.Histogram
            ? sample.Name.StartsWith(name + "_", StringComparison.Ordinal) && sample.Name[name.Length..] is "_bucket" or "_sum" or "_count" && sample.Name.StartsWith(name, StringComparison.Ordinal)
            : sample.Name == name;
    }

    // As if it came for a name of ours through the network.
    private static async Task<HttpStatusCode> StatusAsync(StreamNode node, string? key)
    {
        using var request = node.Request(HttpMethod.Get, "/metrics", key);
        request.Headers.Host = "relay.example.com";
        using var answer = await node.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<string> ScrapeAsync(StreamNode node)
    {
        using var answer = await node.SendAsync(node.Request(HttpMethod.Get, "/metrics"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(MediaTypeHeaderValue.Parse("text/plain; version=0.0.4; charset=utf-8"), answer.Content.Headers.ContentType);
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<ClientWebSocket> ConnectAsync(StreamNode node, string subprotocol)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(subprotocol);
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        await socket.ConnectAsync(new UriBuilder(node.Main) { Scheme = "ws", Path = "/ws" }.Uri, limit.Token);
        return socket;
    }

    /// <summary>Sends, and reads up to a message that holds this.</summary>
    private static async Task SayAsync(ClientWebSocket socket, string message, string until)
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, limit.Token);
        var buffer = new byte[64 * 1024];
        string text;
        do
        {
            var received = await socket.ReceiveAsync(buffer, limit.Token);
            text = Encoding.UTF8.GetString(buffer, 0, received.Count);
        }
        while (!text.Contains(until, StringComparison.Ordinal));
    }
}
