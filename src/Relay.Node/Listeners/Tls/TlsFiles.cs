namespace Relay.Node.Listeners.Tls;

/// <summary>Whether clients show a certificate of their own.</summary>
public enum ClientCertificate
{
    /// <summary>They are not asked.</summary>
    Off,

    /// <summary>They may; one that is shown must be right, or the handshake fails.</summary>
    Optional,

    /// <summary>Without one the handshake fails.</summary>
    Required,
}

/// <summary>Where a listener's TLS comes from. Immutable; the files may change.</summary>
/// <param name="Certificate">PEM file, behind the certificate its intermediates; or a PKCS #12 file (<c>.pfx</c>, <c>.p12</c>).</param>
public sealed record TlsFiles(string Certificate)
{
    /// <summary>PEM file with the private key; null when <see cref="Certificate"/> holds it.</summary>
    public string? Key { get; init; }

    /// <summary>Of the key or the PKCS #12 file.</summary>
    public string? Password { get; init; }

    /// <summary>TLS 1.3 only; otherwise 1.2 as well, and nothing older (RFC 8996).</summary>
    public bool Only13 { get; init; }

    /// <summary>Whether clients are asked for a certificate.</summary>
    public ClientCertificate Clients { get; init; }

    /// <summary>PEM file with the authorities that sign clients' certificates.</summary>
    public string? ClientCa { get; init; }

    /// <summary>How long before the certificate's end the log begins to tell.</summary>
    public TimeSpan WarnBefore { get; init; } = TimeSpan.FromDays(14);

    /// <summary>All files, in a fixed order.</summary>
    public IEnumerable<string> All => new[] { Certificate, Key, ClientCa }.OfType<string>();
}
