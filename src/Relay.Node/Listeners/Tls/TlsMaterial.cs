using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Node.Listeners.Tls;

/// <summary>What handshakes are made with: read from files once, never changed.</summary>
/// <param name="Options">For each handshake; one instance for all, so that sessions can be resumed.</param>
/// <param name="Subject">Of the certificate.</param>
/// <param name="From">From when it is valid.</param>
/// <param name="Until">Until when.</param>
internal sealed record TlsMaterial(SslServerAuthenticationOptions Options, string Subject, DateTimeOffset From, DateTimeOffset Until)
{
    /// <summary>TLS client authentication (RFC 5280 §4.2.1.12).</summary>
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>Reads all files of a listener.</summary>
    /// <exception cref="TlsFileException">Something is missing or wrong; the text names the file and the way out.</exception>
    public static TlsMaterial Load(TlsFiles files)
    {
        var (leaf, chain) = Try(files.Certificate, () => ReadCertificate(files));
        if (!leaf.HasPrivateKey)
        {
            throw new TlsFileException(files.Certificate, "holds no private key; set Tls:Key");
        }

        var options = new SslServerAuthenticationOptions
        {
            // Intermediates come from the file: what this machine happens to know, or to be able to fetch, is no part of the configuration.
            ServerCertificateContext = SslStreamCertificateContext.Create(leaf, chain, offline: true),
            EnabledSslProtocols = files.Only13 ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (files.Clients != ClientCertificate.Off)
        {
            AskClients(options, files);
        }

        return new TlsMaterial(options, leaf.Subject, new DateTimeOffset(leaf.NotBefore), new DateTimeOffset(leaf.NotAfter));
    }

    /// <summary>What is wrong with taking it now in place of one that works; null when nothing is.</summary>
    public string? Objection(DateTimeOffset now) =>
        now >= Until ? $"it ended on {Until.UtcDateTime:yyyy-MM-dd HH:mm}Z" : now < From ? $"it is valid only from {From.UtcDateTime:yyyy-MM-dd HH:mm}Z on" : null;

    private static (X509Certificate2 Leaf, X509Certificate2Collection Chain) ReadCertificate(TlsFiles files)
    {
        var all = new X509Certificate2Collection();
        X509Certificate2 leaf;
        if (Path.GetExtension(files.Certificate).ToUpperInvariant() is ".PFX" or ".P12")
        {
            all = X509CertificateLoader.LoadPkcs12CollectionFromFile(files.Certificate, files.Password);
            leaf = all.FirstOrDefault(static one => one.HasPrivateKey) ?? throw new CryptographicException("holds no certificate with a private key");
        }
        else
        {
            all.ImportFromPemFile(files.Certificate);
            leaf = files.Password is { } password
                ? X509Certificate2.CreateFromEncryptedPemFile(files.Certificate, password, files.Key)
                : X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
        }

        return (leaf, [.. all.Where(one => !one.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span))]);
    }

    private static void AskClients(SslServerAuthenticationOptions options, TlsFiles files)
    {
        var authorities = Try(files.ClientCa ?? "", () =>
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(files.ClientCa ?? "");
            return found.Count > 0 ? found : throw new CryptographicException("holds no PEM certificates");
        });
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        policy.CustomTrustStore.AddRange(authorities);
        policy.ExtraStore.AddRange(authorities);
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = policy;
        var isOptional = files.Clients == ClientCertificate.Optional;
        options.RemoteCertificateValidationCallback = (_, certificate, _, errors) => certificate is null ? isOptional : errors == SslPolicyErrors.None;
    }

    private static T Try<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new TlsFileException(file, failure.Message.ReplaceLineEndings(" "));
        }
    }
}

/// <summary>A listener's certificate, key or authorities cannot be used.</summary>
/// <param name="file">Which.</param>
/// <param name="reason">Why, one line.</param>
internal sealed class TlsFileException(string file, string reason) : Exception(reason)
{
    /// <summary>Which file.</summary>
    public string File { get; } = file;
}
