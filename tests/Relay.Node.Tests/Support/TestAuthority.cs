using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Testing;

namespace Relay.Node.Tests.Support;

/// <summary>A certificate authority of one test, with an intermediate one below it, and files of what it signs. Keys on P-256.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly TempFolder _folder = new("relay-ca-");
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _intermediate;

    public TestAuthority(DateTimeOffset? now = null)
    {
        Now = now ?? TimeProvider.System.GetUtcNow();
        _root = Authority("CN=Root", null);
        _intermediate = Authority("CN=Intermediate", _root);
        RootFile = Write("root.pem", _root.ExportCertificatePem());
        ChainFile = Write("authorities.pem", _root.ExportCertificatePem() + "\n" + _intermediate.ExportCertificatePem());
    }

    public DateTimeOffset Now { get; }

    public X509Certificate2 Root => _root;

    /// <summary>The root alone.</summary>
    public string RootFile { get; }

    /// <summary>Root and intermediate.</summary>
    public string ChainFile { get; }

    public string File(string name) => _folder.File(name);

    public string Write(string name, string text)
    {
        System.IO.File.WriteAllText(File(name), text);
        return File(name);
    }

    /// <summary>A certificate for 127.0.0.1 with its key, signed by the intermediate one.</summary>
    public X509Certificate2 Server(string name = "server", double days = 90, double sinceDays = 1) => Sign(name, "1.3.6.1.5.5.7.3.1", days, sinceDays);

    /// <summary>A client's certificate with its key.</summary>
    public X509Certificate2 Client(string name, bool forClients = true) => Sign(name, forClients ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1", 90, 1);

    /// <summary>Writes a certificate with its intermediate, and its key.</summary>
    public (string Certificate, string Key) WritePem(X509Certificate2 certificate, string name = "server") => (
        Write(name + ".pem", certificate.ExportCertificatePem() + "\n" + _intermediate.ExportCertificatePem()),
        Write(name + ".key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()));

    /// <summary>Writes a PKCS #12 file with the whole chain.</summary>
    public string WritePfx(X509Certificate2 certificate, string password)
    {
        var chain = new X509Certificate2Collection { certificate, _intermediate };
        System.IO.File.WriteAllBytes(File("server.pfx"), chain.Export(X509ContentType.Pkcs12, password)!);
        return File("server.pfx");
    }

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
        _folder.Dispose();
    }

    private X509Certificate2 Authority(string subject, X509Certificate2? signer)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        var (from, to) = (Now.AddDays(-900), Now.AddDays(900));
        return signer is null ? request.CreateSelfSigned(from, to) : request.Create(signer, from.AddDays(1), to.AddDays(-1), RandomNumberGenerator.GetBytes(12)).CopyWithPrivateKey(key);
    }

    private X509Certificate2 Sign(string name, string usage, double days, double sinceDays)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        return request.Create(_intermediate, Now.AddDays(-sinceDays), Now.AddDays(days), RandomNumberGenerator.GetBytes(12)).CopyWithPrivateKey(key);
    }
}
