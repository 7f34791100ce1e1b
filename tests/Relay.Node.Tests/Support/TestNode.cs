using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Node.Listeners;
using Relay.Node.Listeners.Tls;
using Relay.Node.Proxies;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.Tests.Support;

/// <summary>
/// The WebSocket server on a free port in this process, with a connection factory that records. The HTTP pipeline behind it answers
/// <c>GET /hello</c> with <c>hello from {listener}</c>.
/// </summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestNode(WebApplication app, RecordingFactory factory, string url)
    {
        _app = app;
        Factory = factory;
        Url = new Uri(url);
        Gate = app.Services.GetRequiredService<ConnectionGate>();
        Limits = app.Services.GetRequiredService<NodeLimits>();
        Metrics = app.Services.GetRequiredService<ServerMetrics>();
        Errors = app.Services.GetRequiredService<ErrorLog>();
    }

    public RecordingFactory Factory { get; }

    /// <summary><c>http(s)://127.0.0.1:port</c></summary>
    public Uri Url { get; }

    public int Port => Url.Port;

    /// <summary>Of TLS listeners.</summary>
    public CertificateStore Certificates => _app.Services.GetRequiredService<CertificateStore>();

    public ConnectionGate Gate { get; }

    public NodeLimits Limits { get; }

    public ServerMetrics Metrics { get; }

    /// <summary>Everything logged at Error or above.</summary>
    public ErrorLog Errors { get; }

    /// <summary>The defaults, with <c>/echo</c> open.</summary>
    public static WebSocketServerOptions Options { get; } = new() { Echo = true };

    public static async Task<TestNode> StartAsync(
        WebSocketServerOptions? options = null,
        DialectKind? dialect = null,
        TestCertificate? certificate = null,
        IAuthenticator? authenticator = null,
        TimeProvider? time = null,
        Action<RecordingHandler>? onOpen = null,
        bool proxyProtocol = false,
        TlsFiles? tls = null,
        RelayLimits? limits = null)
    {
        var factory = new RecordingFactory(onOpen);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        var errors = new ErrorLog();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(errors);
        var services = builder.Services;
        services.AddSingleton(errors);
        services.AddSingleton<IConnectionFactory>(factory);
        services.AddSingleton(authenticator ?? new TestAuthenticator());
        services.AddSingleton(time ?? TimeProvider.System);
        foreach (var kind in Enum.GetValues<DialectKind>())
        {
            services.AddSingleton<IDialect>(new TestDialect(kind));
        }

        services.AddSingleton(provider => new NodeLimits(limits ?? RelayLimits.None, provider.GetRequiredService<TimeProvider>(), NullLogger.Instance));
        var scheme = certificate is null && tls is null ? "http" : "https";
        var setup = new ListenerSetup([
            new ListenerDefinition("test", $"{scheme}://127.0.0.1:0", dialect) { Tls = tls ?? (certificate is null ? null : new TlsFiles(certificate.Path) { Key = certificate.KeyPath }), ProxyProtocol = proxyProtocol },
        ]);
        setup.AddTo(services, options ?? Options);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AllowSynchronousIO = false);
        var app = builder.Build();
        app.UseRelayProxies();
        app.UseRelayWebSockets();
        app.MapGet("/hello", (HttpContext context) => $"hello from {context.Features.Get<ListenerIdentity>()?.Name}");
        app.MapGet("/client", (HttpContext context) => $"{context.Connection.RemoteIpAddress} {context.Request.Scheme} {context.Request.Host}");
        app.MapPost("/size", async (HttpContext context) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            return body.Length.ToString();
        });
        await app.StartAsync();
        return new TestNode(app, factory, setup.Bound[0].Url);
    }

    public Task<RawClient> ConnectAsync(int? receiveBuffer = null) => RawClient.ConnectAsync(Port, receiveBuffer);

    /// <summary>A raw client whose upgrade was accepted.</summary>
    public async Task<RawClient> OpenAsync(string target = "/ws", params string[] headers)
    {
        var client = await ConnectAsync();
        await client.SendAsync(RawClient.Upgrade(target, headers));
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        return client;
    }

    /// <summary>All gauges are back at zero: nothing leaked.</summary>
    public Task WhenIdleAsync() => Eventually.BecomesTrueAsync(() => Gate is { Open: 0, Admitted: 0 } && Metrics.OpenWebSockets == 0, "gauges back to 0");

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }
}
