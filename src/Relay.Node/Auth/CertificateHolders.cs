using System.Security.Cryptography.X509Certificates;
using Relay.Actors.Connections;
using Relay.Node.Configuration;
using Relay.Node.Listeners.Tls;
using Relay.Node.WebSockets;

namespace Relay.Node.Auth;

/// <summary>
/// Services that show a client certificate in place of an API key (<c>Listeners:{name}:Tls:ClientCa</c>): the handshake has checked it, the listener says what its holder may do. For the HTTP
/// API only: what a connection begins as, it would stay after its certificate has ended. Thread-safe.
/// </summary>
internal sealed class CertificateHolders(IReadOnlyList<ListenerOptions> listeners)
{
    private IReadOnlyDictionary<string, Rights> _rights = RightsOf(listeners);

    /// <summary>Other rights from now on.</summary>
    public Action Prepare(RelayOptions next)
    {
        var rights = RightsOf(next.Listeners);
        return () => Volatile.Write(ref _rights, rights);
    }

    /// <summary>Who the certificate of a request's connection is for; null without one, or where it gives no right.</summary>
    public Identity? Of(HttpContext context) =>
        context.Connection.ClientCertificate is { } certificate && context.Features.Get<ListenerIdentity>() is { } listener ? Of(certificate, listener.Name) : null;

    internal Identity? Of(X509Certificate2 certificate, string listener)
    {
        if (Volatile.Read(ref _rights).GetValueOrDefault(listener) is not (not Rights.None and var rights))
        {
            return null;
        }

        var holder = new Principal(CertificateStore.NameOf(certificate), IsAuthenticated: true)
        {
            MayPublish = rights.HasFlag(Rights.Publish),
            MaySubscribe = rights.HasFlag(Rights.Subscribe),
            IsService = true,
        };
        return new Identity(holder, rights);
    }

    private static Dictionary<string, Rights> RightsOf(IReadOnlyList<ListenerOptions> listeners) =>
        listeners.Where(static one => one.Tls is not null).ToDictionary(static one => one.Name, static one => one.Tls!.ClientRights, StringComparer.Ordinal);
}
