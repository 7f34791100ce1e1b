using Relay.Node.Listeners.Tls;
using Relay.Protocol;

namespace Relay.Node.Listeners;

/// <summary>One address the node listens on, as the configuration names it. Immutable.</summary>
/// <param name="Name">E.g. <c>main</c>.</param>
/// <param name="Url"><c>http://</c> or <c>https://</c>, host an IP address, <c>localhost</c> or <c>*</c>; port 0 = choose one.</param>
/// <param name="Dialect">What it speaks; null = <c>auto</c>.</param>
public sealed record ListenerDefinition(string Name, string Url, DialectKind? Dialect = null)
{
    /// <summary>Whether every connection begins with the PROXY protocol's header.</summary>
    public bool ProxyProtocol { get; init; }

    /// <summary><c>https</c>: certificate and rules.</summary>
    public TlsFiles? Tls { get; init; }
}

/// <summary>A listener that is bound.</summary>
/// <param name="Name">Its name in the configuration.</param>
/// <param name="Url">With its real port, e.g. <c>http://127.0.0.1:40123</c>.</param>
/// <param name="Dialect">What it speaks; null = <c>auto</c>.</param>
public sealed record BoundListener(string Name, string Url, DialectKind? Dialect);
