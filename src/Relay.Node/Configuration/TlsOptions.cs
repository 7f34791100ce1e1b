using Relay.Node.Listeners.Tls;

namespace Relay.Node.Configuration;

/// <summary>A certificate in files, and who must show one.</summary>
/// <param name="Certificate">Path of a PEM file (with the chain), or of a PFX file.</param>
/// <param name="Key">Path of the PEM file with the private key; empty for PFX, or when the certificate's file holds it too.</param>
/// <param name="Password">Of the key or the PFX.</param>
public sealed record TlsOptions(string Certificate, string Key, Secret Password)
{
    /// <summary>Whether TLS 1.2 is refused as well.</summary>
    public bool Only13 { get; init; }

    /// <summary>Whether clients are asked for a certificate.</summary>
    public ClientCertificate Clients { get; init; }

    /// <summary>PEM file of the authorities that sign them; empty = none.</summary>
    public string ClientCa { get; init; } = "";

    /// <summary>What their holders may do in the HTTP API without a key.</summary>
    public Rights ClientRights { get; init; }

    /// <summary>How long before the certificate's end the log begins to tell.</summary>
    public TimeSpan WarnBefore { get; init; } = TimeSpan.FromDays(14);

    /// <summary>For the listener.</summary>
    public TlsFiles ForListener() => new(Certificate)
    {
        Key = Key.Length > 0 ? Key : null,
        Password = Password.IsEmpty ? null : Password.Reveal(),
        Only13 = Only13,
        Clients = Clients,
        ClientCa = ClientCa.Length > 0 ? ClientCa : null,
        WarnBefore = WarnBefore,
    };

    internal static TlsOptions Read(SettingReader section)
    {
        var options = new TlsOptions(
            section.Read("Tls:Certificate", Kinds.Text.Called("path", "certs/relay.pem"), "", "PEM file (the certificate, behind it its intermediates) or PFX file; needed by https."),
            section.Read("Tls:Key", Kinds.Text.Called("path", "certs/relay.key"), "", "PEM file with the private key; empty = it is in the certificate's file."),
            section.Read("Tls:Password", Kinds.Secret, Secret.None, "Password of the key or PFX."))
        {
            Only13 = section.Read("Tls:MinVersion", Kinds.Choice([("1.2", false), ("1.3", true)], "1.0", "1.1"), false, "Oldest version of TLS that is spoken."),
            Clients = section.Read("Tls:ClientCertificate", Kinds.Choice([("off", ClientCertificate.Off), ("optional", ClientCertificate.Optional), ("required", ClientCertificate.Required)]), ClientCertificate.Off, "Whether clients, WebSockets included, show a certificate signed by Tls:ClientCa: optional = one that is shown must be right; required = without one the handshake fails."),
            ClientCa = section.Read("Tls:ClientCa", Kinds.Text.Called("path", "certs/clients-ca.pem"), "", "PEM file of the authorities that sign clients' certificates; whoever they sign may enter, so give services an authority of their own."),
            ClientRights = section.Read("Tls:ClientRights", ApiKeyOptions.AnyRights, Rights.None, "What the holder of a client certificate may do in the HTTP API without a key: publish, subscribe, admin, metrics; none = the certificate only opens the connection."),
            WarnBefore = section.Read("Tls:WarnBefore", Kinds.DurationOrNone(TimeSpan.FromHours(1), TimeSpan.FromDays(365)), TimeSpan.FromDays(14), "How long before the certificate's end the log warns of it, once a day."),
        };
        if (options.Clients != ClientCertificate.Off && options.ClientCa.Length == 0)
        {
            section.Problem("Tls:ClientCa", null, "Tls:ClientCertificate needs the authorities that sign clients' certificates", "certs/clients-ca.pem");
        }

        if (options.Clients == ClientCertificate.Off && options.ClientCa.Length > 0)
        {
            section.Problem("Tls:ClientCertificate", "off", "Tls:ClientCa is set, but clients are not asked", "optional");
        }

        if (options.Clients == ClientCertificate.Off && options.ClientRights != Rights.None)
        {
            section.Problem("Tls:ClientCertificate", "off", "Tls:ClientRights is set, but clients are not asked for a certificate", "optional");
        }

        return options;
    }
}
