using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Relay.Node.Tests.Configuration;
using Relay.Node.Tests.Support;
using Eventually = Relay.Testing.Eventually;

namespace Relay.Node.Tests.EventStreams;

/// <summary>The real program with one listener, and what tests of its event streams need.</summary>
internal sealed class StreamNode : IAsyncDisposable
{
    private readonly NodeProcess _process;
    private readonly HttpClient _http;

    private StreamNode(NodeProcess process, Uri main)
    {
        _process = process;
        Main = main;
        var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 1000 };
        handler.SslOptions.RemoteCertificateValidationCallback = TestCertificate.Trusts;
        _http = new HttpClient(handler) { BaseAddress = main, Timeout = Timeout.InfiniteTimeSpan };
    }

    public Uri Main { get; }

    /// <summary>Sent with every request that names none; null = nobody.</summary>
    public string? Bearer { get; set; }

    /// <summary>All requests over HTTP/2, on one connection.</summary>
    public bool Http2 { get; init; }

    /// <summary>Standard output so far; complete once it has ended.</summary>
    public string Output => string.Join('\n', _process.Output);

    /// <param name="settings">Keys under <c>Relay:</c>, each as <c>Key=value</c>.</param>
    public static Task<StreamNode> StartAsync(params string[] settings) => StartAsync("http", false, [.. settings.Select(setting => "--Relay:" + setting)]);

    /// <summary>With a TLS listener.</summary>
    public static Task<StreamNode> StartTlsAsync(TestCertificate certificate, bool http2, params string[] settings) => StartAsync(
        "https",
        http2,
        [
            "--Relay:Listeners:main:Tls:Certificate=" + certificate.Path,
            "--Relay:Listeners:main:Tls:Key=" + certificate.KeyPath,
            .. settings.Select(setting => "--Relay:" + setting),
        ]);

    /// <summary>With whole arguments.</summary>
    public static async Task<StreamNode> StartAsync(string scheme, bool http2, string[] arguments)
    {
        var process = new NodeProcess(
            [$"--Relay:Listeners:main:Url={scheme}://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", .. arguments]);
        var node = new StreamNode(process, await process.AddressAsync("main")) { Http2 = http2 };
        await process.LineAsync("ready");
        return node;
    }

    public HttpRequestMessage Request(HttpMethod method, string target, string? bearer = null)
    {
        var request = new HttpRequestMessage(method, new Uri(Main, target));
        if (Http2)
        {
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        }

        if ((bearer ?? Bearer) is { } credential)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", credential);
        }

        return request;
    }

    /// <summary>The answer, its body not read yet.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
    }

    /// <summary>A stream that was admitted.</summary>
    /// <param name="query">Of <c>/sse</c>.</param>
    /// <param name="lastEventId">As a browser sends it when it comes back.</param>
    public async Task<OpenStream> OpenAsync(string query, string? lastEventId = null)
    {
        using var request = Request(HttpMethod.Get, "/sse?" + query);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var answer = await SendAsync(request);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, answer.StatusCode == HttpStatusCode.OK ? "" : await answer.Content.ReadAsStringAsync());
        return new OpenStream(answer, new SseReader(await answer.Content.ReadAsStreamAsync(), lastEventId ?? ""));
    }

    /// <summary>A stream all of whose channels have begun.</summary>
    public async Task<OpenStream> SubscribeAsync(string query, int channels = 1, string? lastEventId = null)
    {
        var stream = await OpenAsync(query, lastEventId);
        for (var i = 0; i < channels; i++)
        {
            stream.Subscribed.Add(await stream.Reader.ReadAsync("subscribed"));
        }

        return stream;
    }

    /// <summary>Publishes; the offset it got.</summary>
    public async Task<long> PublishAsync(string channel, string data, string name = "test.event", string? key = null)
    {
        using var request = Request(HttpMethod.Post, "/api/v1/publish");
        var keyed = key is null ? "" : $",\"key\":\"{key}\"";
        request.Content = new StringContent($"{{\"channel\":{JsonSerializer.Serialize(channel)},\"event\":\"{name}\",\"data\":{data}{keyed}}}", Encoding.UTF8);
        using var answer = await SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("offset").GetInt64();
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var request = Request(HttpMethod.Get, path);
        using var answer = await SendAsync(request);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    /// <summary>Waits until a channel has so many subscribers.</summary>
    public Task SubscribersAsync(string channel, int count) => Eventually.UntilAsync(
        async () => (await GetAsync("/api/v1/channels")).GetProperty("channels").EnumerateArray()
            .Where(entry => entry.GetProperty("channel").GetString() == channel).Sum(static entry => entry.GetProperty("subscribers").GetInt32()) == count,
        $"{count} subscribers of {channel}");

    /// <summary>A refusal: status, body as JSON, and its headers.</summary>
    public async Task<(int Status, JsonElement Body, HttpResponseMessage Answer)> RefusedAsync(string query, string? bearer = null, string? lastEventId = null)
    {
        using var request = Request(HttpMethod.Get, "/sse?" + query, bearer);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var answer = await SendAsync(request);
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.False(body.GetProperty("success").GetBoolean());
        return ((int)answer.StatusCode, body, answer);
    }

    /// <summary>A TCP connection to it.</summary>
    public Task<RawClient> RawAsync(int? receiveBuffer = null) => RawClient.ConnectAsync(Main.Port, receiveBuffer);

    /// <summary>SIGTERM.</summary>
    public Task TerminateAsync() => _process.SignalAsync("TERM");

    public Task<int> ExitAsync() => _process.ExitAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}

/// <summary>A stream that runs.</summary>
internal sealed class OpenStream(HttpResponseMessage answer, SseReader reader) : IDisposable
{
    public HttpResponseMessage Answer => answer;

    public SseReader Reader => reader;

    /// <summary>The <c>subscribed</c> events it began with.</summary>
    public List<SseEvent> Subscribed { get; } = [];

    /// <summary>Hangs up.</summary>
    public void Dispose() => answer.Dispose();
}
