using System.Net;
using Relay.Node.Auth;
using Relay.Node.Configuration;

namespace Relay.Node.Telemetry;

/// <summary>
/// Who may read <c>/metrics</c>. They name no user and no channel, but tell how large the business is and when it is weak: so this machine, the configured networks, and API keys with the
/// right <c>metrics</c>, whatever <c>Auth</c> says of clients.
/// </summary>
internal sealed class MetricsDoor(MetricsOptions options, Authenticator authenticator, CertificateHolders certificates)
{
    // What came through a proxy has the proxy's address.
    private static readonly string[] Forwarding = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"];

    /// <summary>The status: 200 admits, 401 and 403 refuse.</summary>
    public int Decide(HttpRequest request, IPAddress? remote)
    {
        if (Authenticator.FromHeader(request.Headers.Authorization) is { } credential)
        {
            return authenticator.Identify(credential) is not { } identity ? StatusCodes.Status401Unauthorized
                : (identity.Rights & (Rights.Metrics | Rights.Admin)) == Rights.None ? StatusCodes.Status403Forbidden
                : StatusCodes.Status200OK;
        }

        if (certificates.Of(request.HttpContext) is { } holder && (holder.Rights & (Rights.Metrics | Rights.Admin)) != Rights.None)
        {
            return StatusCodes.Status200OK;
        }

        return remote is not null && !Array.Exists(Forwarding, request.Headers.ContainsKey) && IsNear(remote, request.Host)
            ? StatusCodes.Status200OK
            : StatusCodes.Status401Unauthorized;
    }

    // A page whose name was made to mean 127.0.0.1 calls from this machine, with its own name in Host; so do proxies that pass the name on.
    private bool IsNear(IPAddress remote, HostString host)
    {
        var address = remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote;
        return IPAddress.IsLoopback(address) ? IsLocal(host.Host) || IsInNetworks(address) : IsInNetworks(address);
    }

    private bool IsInNetworks(IPAddress address) => options.Networks.Any(network => network.Contains(address));

    private static bool IsLocal(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
