using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Relay.Actors.Limits;
using Relay.Node.Listeners.Tls;
using Relay.Node.Loops;
using Relay.Node.Proxies;
using Relay.Node.WebSockets;

namespace Relay.Node.Listeners;

/// <summary>
/// Binds the node's listeners: Kestrel's limits (reliability.md §5.1(6)), the connection gate, the WebSocket middleware, TLS. Filled while the host is
/// built; <see cref="Bound"/> tells the real addresses once it has started.
/// </summary>
public sealed class ListenerSetup
{
    private readonly IReadOnlyList<ListenerDefinition> _definitions;
    private readonly List<(ListenerDefinition Definition, ListenOptions Options)> _bound = [];

    /// <param name="definitions">What to listen on, in the order in which <see cref="Bound"/> reports it.</param>
    public ListenerSetup(IReadOnlyList<ListenerDefinition> definitions) => _definitions = definitions;

    /// <summary>The listeners with their real ports; complete once the host has started.</summary>
    public IReadOnlyList<BoundListener> Bound =>
        [.. _bound.Select(listener => new BoundListener(listener.Definition.Name, UrlOf(listener.Definition, listener.Options), listener.Definition.Dialect))];

    /// <summary>
    /// Registers the server and configures Kestrel. Needs an <c>IConnectionFactory</c>, an <c>IAuthenticator</c> and the <c>IDialect</c>s among the
    /// services; a <see cref="TimeProvider"/> is added when there is none.
    /// </summary>
    /// <exception cref="InvalidOperationException">A listener's URL or certificate is wrong, or the file limit leaves no room (at start).</exception>
    public void AddTo(IServiceCollection services, WebSocketServerOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton(this);
        services.AddSingleton(options);
        services.AddSingleton(_ => ConnectionGate.Create(options, FileLimit.Read(), FileLimit.InUse()));
        services.TryAddSingleton(provider => new NodeLimits(
            RelayLimits.None, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Limits")));
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton<TlsMetrics>();
        services.AddSingleton(provider => new CertificateStore(
            _definitions, provider.GetRequiredService<TlsMetrics>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<CertificateStore>>()));
        services.AddSingleton(new DoorPolicies(options.AllowedOrigins, options.AllowedHosts));
        services.AddSingleton<WebSocketServer>();
        services.AddSingleton<LoopChoice>();

        // Kestrel takes the factory that was registered last.
        services.AddSingleton<IConnectionListenerFactory, GatedTransportFactory>();
        services.Configure<SocketTransportOptions>(sockets => sockets.Backlog = options.Backlog);
        services.Configure<KestrelServerOptions>(kestrel => Configure(kestrel, options));
    }

    private void Configure(KestrelServerOptions kestrel, WebSocketServerOptions options)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(15);
        limits.MaxRequestHeaderCount = options.Handshake.MaxHeaders;
        limits.MaxRequestHeadersTotalSize = options.Handshake.MaxHeadBytes;
        limits.MaxRequestLineSize = options.Handshake.MaxRequestLineBytes;

        // The gate counts all connections; these would refuse without a word.
        limits.MaxConcurrentConnections = null;
        limits.MaxConcurrentUpgradedConnections = null;
        foreach (var definition in _definitions)
        {
            Listen(kestrel, definition);
        }
    }

    private void Listen(KestrelServerOptions kestrel, ListenerDefinition definition)
    {
        var address = Parse(definition);
        var tls = string.Equals(address.Scheme, "https", StringComparison.OrdinalIgnoreCase);
        if (tls && definition.Tls is null)
        {
            throw new InvalidOperationException($"Listener '{definition.Name}': https needs a certificate.");
        }

        var identity = new ListenerIdentity(definition.Name, definition.Dialect) { ProxyProtocol = definition.ProxyProtocol };
        void Use(ListenOptions listener) => Configure(listener, identity, tls);
        void UseFirst(ListenOptions listener)
        {
            Use(listener);
            _bound.Add((definition, listener));
        }

        switch (address.Host)
        {
            case "*" or "+":
                kestrel.Listen(new ListenerEndPoint(IPAddress.IPv6Any, address.Port, identity, tls), UseFirst);
                break;
            case "localhost":
                kestrel.Listen(new ListenerEndPoint(IPAddress.Loopback, address.Port, identity, tls), UseFirst);
                if (address.Port != 0)
                {
                    // Two sockets cannot be given the same chosen port.
                    kestrel.Listen(new ListenerEndPoint(IPAddress.IPv6Loopback, address.Port, identity, tls) { IsOptional = true }, Use);
                }

                break;
            default:
                kestrel.Listen(new ListenerEndPoint(HostAddress(address.Host, definition), address.Port, identity, tls), UseFirst);
                break;
        }
    }

    private static void Configure(ListenOptions listener, ListenerIdentity identity, bool tls)
    {
        // Asked for when the address is bound: these options are read while the application is built, before the node has opened what it keeps its events in.
        WebSocketServer Server() => listener.ApplicationServices.GetRequiredService<WebSocketServer>();
        listener.Protocols = tls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
        listener.Use(next => new GateMiddleware(next, Server(), identity, tls).OnConnectionAsync);
        if (identity.ProxyProtocol)
        {
            listener.Use(next => new ProxyMiddleware(next, Server(), identity, listener.ApplicationServices.GetRequiredService<ILogger<ProxyMiddleware>>()).OnConnectionAsync);
        }

        if (tls)
        {
            // Asked for each handshake: the certificate may have been exchanged since the last one.
            var certificate = listener.ApplicationServices.GetRequiredService<CertificateStore>().Of(identity.Name);
            listener.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => new(certificate.Current.Options),
                HandshakeTimeout = TimeSpan.FromSeconds(10),
            });
        }

        listener.Use(next => new WebSocketConnectionMiddleware(next, Server(), identity).OnConnectionAsync);
    }

    private static BindingAddress Parse(ListenerDefinition definition)
    {
        try
        {
            var address = BindingAddress.Parse(definition.Url);
            if (address.Scheme is "http" or "https" && address.PathBase.Length == 0)
            {
                return address;
            }
        }
        catch (FormatException)
        {
            // Said below, with the listener's name.
        }

        throw new InvalidOperationException(
            $"Listener '{definition.Name}': '{definition.Url}' is no listener URL. It is http://host:port or https://host:port without a path.");
    }

    private static IPAddress HostAddress(string host, ListenerDefinition definition) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var address)
            ? address
            : throw new InvalidOperationException(
                $"Listener '{definition.Name}': host '{host}' is neither an IP address nor 'localhost' nor '*'.");

    private static string UrlOf(ListenerDefinition definition, ListenOptions listener)
    {
        var address = Parse(definition);
        var port = listener.IPEndPoint?.Port ?? address.Port;
        return $"{address.Scheme}://{address.Host}:{port}";
    }
}

/// <summary>Where the HTTP pipeline takes WebSockets.</summary>
public static class ListenerApplicationBuilderExtensions
{
    /// <summary>
    /// Serves WebSockets that reach the HTTP pipeline (HTTP/2, and upgrades on connections that served plain requests before). Put first: before
    /// routing, authentication and anything that buffers responses.
    /// </summary>
    public static IApplicationBuilder UseRelayWebSockets(this IApplicationBuilder app) => app.UseMiddleware<UpgradeEndpoint>();
}
