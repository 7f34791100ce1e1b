using System.Net;
using System.Text.Json;
using Relay.Node.Tests.Configuration;
using Relay.Testing;

namespace Relay.Node.Tests.Examples;

/// <summary>The real node on free ports, ready.</summary>
internal sealed class ExampleNode : IAsyncDisposable
{
    private readonly NodeProcess _process;
    private readonly HttpClient _http;

    private ExampleNode(NodeProcess process, Uri main, Uri hooks)
    {
        _process = process;
        Main = main;
        Hooks = hooks;
        _http = new HttpClient { BaseAddress = main };
    }

    public Uri Main { get; }

    public Uri Hooks { get; }

    /// <param name="settings">Keys under <c>Relay:</c>, each as <c>Key=value</c>.</param>
    public static async Task<ExampleNode> StartAsync(params string[] settings)
    {
        string[] listeners = ["main", "hooks", "context"];
        var process = new NodeProcess([.. listeners.Select(name => $"--Relay:Listeners:{name}:Url=http://127.0.0.1:0"), .. settings.Select(setting => "--Relay:" + setting)]);
        var node = new ExampleNode(process, await process.AddressAsync("main"), await process.AddressAsync("hooks"));
        await process.LineAsync("ready");
        await Eventually.UntilAsync(async () => (await node._http.GetAsync("/ready")).StatusCode == HttpStatusCode.OK, "/ready is green");
        return node;
    }

    /// <summary>An answer of the HTTP API.</summary>
    public async Task<JsonElement> GetAsync(string path) => JsonDocument.Parse(await _http.GetStringAsync(path)).RootElement;

    /// <summary>A client of which the node knows that it listens to <paramref name="channel"/>.</summary>
    public async Task<ExampleClient> ListenAsync(Uri listener, string target, string channel)
    {
        var client = await ExampleClient.ConnectAsync(listener, target);
        await Eventually.UntilAsync(
            async () => (await GetAsync("/api/v1/channels")).GetProperty("channels").EnumerateArray().Any(entry => entry.GetProperty("channel").GetString() == channel),
            "a subscriber of " + channel);
        return client;
    }

    /// <summary>A native client that is subscribed.</summary>
    public async Task<ExampleClient> SubscribeAsync(string channel)
    {
        var client = await ExampleClient.ConnectAsync(Main, "/relay");
        await client.SendAsync($$"""{"type":"subscribe","channel":"{{channel}}","id":"s1"}""");
        var ack = await client.ReadUntilAsync("type", "ack");
        Assert.True(ack.GetProperty("success").GetBoolean());
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
