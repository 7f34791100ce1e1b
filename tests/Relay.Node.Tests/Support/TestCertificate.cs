using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Node.Tests.Support;

/// <summary>A self-signed certificate for localhost in a temporary folder of its own.</summary>
internal sealed class TestCertificate : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("relay-tls-");

    private const string Subject = "CN=localhost";

    public TestCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        Path = System.IO.Path.Combine(_folder.FullName, "cert.pem");
        KeyPath = System.IO.Path.Combine(_folder.FullName, "key.pem");
        File.WriteAllText(Path, certificate.ExportCertificatePem());
        File.WriteAllText(KeyPath, key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Accepts a certificate made here, and no other.</summary>
    public static bool Trusts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        string.Equals(certificate?.Subject, Subject, StringComparison.Ordinal);

    public string Path { get; }

    public string KeyPath { get; }

    public void Dispose() => _folder.Delete(recursive: true);
}
