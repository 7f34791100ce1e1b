using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>The published node as its pod runs it: see contained.sh. Its listener is bound to 127.0.0.1, everything else is as the manifests say.</summary>
internal sealed class ContainedNode : IDisposable
{
    private const string Listener = "Relay__Listeners__main__Url";

    private readonly TempFolder _root = new("relay-root-");
    private readonly ServerProcess _process;
    private readonly HttpClient _http = new();

    /// <param name="volume">Seen as <c>/var/lib/relay</c>.</param>
    public ContainedNode(PublishedNode published, string volume, IReadOnlyDictionary<string, string> environment)
    {
        var port = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        Assert.Equal("http://*:8080", environment[Listener]);
        var settings = new Dictionary<string, string>(environment, StringComparer.Ordinal) { [Listener] = $"http://127.0.0.1:{port}" };
        _process = ServerProcess.Start(
            Repository.File("tests", "Relay.Deploy.Tests", "contained.sh"), [_root.Path, published.Folder, volume, "/var/lib/relay"], "contained.sh cannot be run", settings);
        _http.BaseAddress = new Uri(settings[Listener]);
        ApiKey = environment["Relay__Auth__ApiKeys__0__Key"];
    }

    public string ApiKey { get; }

    public string Output => _process.Output;

    public int Id => _process.Id;

    public Task ReadyAsync() => Eventually.UntilAsync(
        async () => _process.HasExited
            ? throw new ServerEndedException($"the node ended: {Output}")
            : (await _http.GetAsync("/ready")).IsSuccessStatusCode,
        $"a ready node; it wrote {Output}",
        TimeSpan.FromMinutes(1));

    public async Task<int> StatusAsync(string path) => (int)(await _http.GetAsync(path)).StatusCode;

    /// <summary>Publishes to a durable channel; returns status and answer.</summary>
    public async Task<(int Status, string Answer)> PublishAsync(string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/publish")
        {
            Content = JsonContent.Create(new { channel = "topics/deploy", @event = "deploy.done", data = new { version = "1.4.2" } }),
        };
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        using var response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>SIGTERM, and its end.</summary>
    public async Task LeaveAsync()
    {
        _process.Terminate();
        await _process.ExitedAsync();
    }

    public void Dispose()
    {
        _process.Dispose();
        _http.Dispose();
        _root.Dispose();
    }
}
