using System.Net;
using Relay.Node.Configuration;
using Relay.Node.Http;

namespace Relay.Node.Admin;

/// <summary>
/// Who may use the operators' interface: API keys with the right <c>admin</c>; without a key, as the rest of the server API, only where the node can be reached from its own machine alone and
/// nobody stands in front of it (docs/operations-admin.md).
/// </summary>
internal sealed class AdminDoor(ApiGuard guard, RelayOptions options)
{
    private static readonly string[] Forwarding = ["X-Forwarded-For", "Forwarded", "X-Real-IP"];

    /// <summary>True when the caller may; else the refusal is on its way.</summary>
    public async Task<bool> AdmitAsync(HttpContext context) =>
        guard.AllowOrigin(context) && await guard.AdmitAsync(context, Rights.Admin, anonymous: IsOwnMachine(context));

    /// <summary>Whether a host is one of this machine's own names. A page under any other that points here is of the node's origin, but nobody's operator (DNS rebinding).</summary>
    public static bool IsOwnName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    // A listener that others can reach needs credentials, or has AllowAnonymous said aloud: that lets clients in, not operators. What came through a proxy on this machine may be anybody's.
    private bool IsOwnMachine(HttpContext context) =>
        !options.Auth.Required && !options.Auth.AllowAnonymous && IsOwnName(context.Request.Host.Host) && !Array.Exists(Forwarding, name => context.Request.Headers.ContainsKey(name));
}
