using System.Security.Cryptography.X509Certificates;

namespace Relay.Node.Listeners.Tls;

/// <summary>The certificates of all listeners that have one, by the listener's name. Made when the first listener is bound.</summary>
internal sealed class CertificateStore
{
    private readonly Dictionary<string, ListenerCertificate> _certificates;

    /// <exception cref="InvalidOperationException">Files cannot be used.</exception>
    public CertificateStore(IReadOnlyList<ListenerDefinition> definitions, TlsMetrics metrics, TimeProvider time, ILogger<CertificateStore> logger)
    {
        _certificates = definitions.Where(static one => one.Tls is not null)
            .ToDictionary(static one => one.Name, one => new ListenerCertificate(one.Name, one.Tls!, metrics, time, logger), StringComparer.Ordinal);
        metrics.Show(_certificates.Values, time);
    }

    /// <summary>That of a listener.</summary>
    public ListenerCertificate Of(string listener) => _certificates[listener];

    /// <summary>Looks at all files, see <see cref="ListenerCertificate.Look"/>.</summary>
    public void Look(bool atOnce = false)
    {
        foreach (var certificate in _certificates.Values)
        {
            certificate.Look(atOnce);
        }
    }

    /// <summary>Makes ready for other files or rules; those of listeners that are not bound are left out.</summary>
    /// <exception cref="TlsFileException">Some cannot be used; nothing was changed.</exception>
    public Action Prepare(IReadOnlyList<ListenerDefinition> definitions)
    {
        var all = definitions.Where(one => one.Tls is not null && _certificates.ContainsKey(one.Name)).Select(one => _certificates[one.Name].Prepare(one.Tls!)).ToList();
        return () => all.ForEach(static take => take());
    }

    /// <summary>The name by which a client's certificate goes: its common name, or its whole subject.</summary>
    public static string NameOf(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } name ? name : certificate.Subject;
    }
}
