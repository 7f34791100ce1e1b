using Relay.Protocol;

namespace Relay.Node.WebSockets;

/// <summary>
/// What a connection's listener is. Found by HTTP endpoints as a feature: <c>context.Features.Get&lt;ListenerIdentity&gt;()</c>.
/// </summary>
/// <param name="Name">Its name in the configuration, e.g. <c>main</c>.</param>
/// <param name="Dialect">What it speaks; null = <c>auto</c>.</param>
public sealed record ListenerIdentity(string Name, DialectKind? Dialect)
{
    /// <summary>Whether every connection begins with the PROXY protocol's header.</summary>
    public bool ProxyProtocol { get; init; }
}
