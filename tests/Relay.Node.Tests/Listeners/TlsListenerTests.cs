using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Relay.Node.Listeners.Tls;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.Listeners;

/// <summary>TLS listeners as clients meet them: which certificate, which versions, whose certificate is asked for.</summary>
public sealed class TlsListenerTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task New_handshakes_take_the_new_certificate_while_standing_connections_go_on()
    {
        using var first = _authority.Server("first");
        using var second = _authority.Server("second");
        var files = Files(_authority.WritePem(first));
        await using var node = await TestNode.StartAsync(tls: files);
        using var standing = await ConnectAsync(node.Port);
        Assert.Equal("CN=first", standing.RemoteCertificate!.Subject);
        _authority.WritePem(second);
        node.Certificates.Look(atOnce: true);
        using (var fresh = await ConnectAsync(node.Port))
        {
            Assert.Equal("CN=second", fresh.RemoteCertificate!.Subject);
        }

        File.WriteAllText(files.Certificate, "broken");
        node.Certificates.Look(atOnce: true);
        using (var fresh = await ConnectAsync(node.Port))
        {
            Assert.Equal("CN=second", fresh.RemoteCertificate!.Subject);
        }

        Assert.Contains("hello from test", await GetAsync(standing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Intermediates_of_the_file_are_sent_along()
    {
        using var certificate = _authority.Server();
        await using var node = await TestNode.StartAsync(tls: Files(_authority.WritePem(certificate)));

        // Only the root is known here, and nothing may be fetched: without the intermediate there is no chain.
        using var trusting = await ConnectAsync(node.Port, options => options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { _authority.Root },
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        });
        Assert.Contains("hello from test", await GetAsync(trusting), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, false, true)]
    [InlineData(SslProtocols.Tls13, false, true)]
    [InlineData(SslProtocols.Tls12, true, false)]
    [InlineData(SslProtocols.Tls13, true, true)]
#pragma warning disable SYSLIB0039, CA5397, CA5398 // What must be refused has to be tried.
    [InlineData(SslProtocols.Tls11, false, false)]
    [InlineData(SslProtocols.Tls, false, false)]
#pragma warning restore SYSLIB0039, CA5397, CA5398
    public async Task Old_versions_of_TLS_are_refused(SslProtocols version, bool only13, bool passes)
    {
        using var certificate = _authority.Server();
        await using var node = await TestNode.StartAsync(tls: Files(_authority.WritePem(certificate)) with { Only13 = only13 });
        Assert.Equal(passes, await PassesAsync(node.Port, options => options.EnabledSslProtocols = version));
    }

    [Theory]
    [InlineData(ClientCertificate.Required, "ours", true)]
    [InlineData(ClientCertificate.Required, "none", false)]
    [InlineData(ClientCertificate.Required, "foreign", false)]
    [InlineData(ClientCertificate.Required, "a server's", false)]
    [InlineData(ClientCertificate.Optional, "ours", true)]
    [InlineData(ClientCertificate.Optional, "none", true)]
    [InlineData(ClientCertificate.Optional, "foreign", false)]
    [InlineData(ClientCertificate.Off, "none", true)]
    public async Task Client_certificates_are_asked_for_and_checked(ClientCertificate asked, string shown, bool passes)
    {
        using var other = new TestAuthority();
        using var certificate = _authority.Server();
        using var own = shown switch
        {
            "ours" => _authority.Client("billing"),
            "foreign" => other.Client("billing"),
            "a server's" => _authority.Client("billing", forClients: false),
            _ => null,
        };
        await using var node = await TestNode.StartAsync(tls: Files(_authority.WritePem(certificate)) with { Clients = asked, ClientCa = asked == ClientCertificate.Off ? null : _authority.ChainFile });
        Assert.Equal(passes, await PassesAsync(node.Port, options => options.ClientCertificates = own is null ? null : new X509CertificateCollection { own }));
    }

    private static TlsFiles Files((string Certificate, string Key) files) => new(files.Certificate) { Key = files.Key };

    private static async Task<bool> PassesAsync(int port, Action<SslClientAuthenticationOptions> change)
    {
        try
        {
            // With TLS 1.3 a client learns that its certificate was refused when it reads.
            using var stream = await ConnectAsync(port, change);
            return (await GetAsync(stream)).StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return false;
        }
    }

    private static async Task<SslStream> ConnectAsync(int port, Action<SslClientAuthenticationOptions>? change = null)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", port, limit.Token);
        var stream = new SslStream(socket.GetStream());
        var options = new SslClientAuthenticationOptions { TargetHost = "localhost" };
        change?.Invoke(options);
        if (options.CertificateChainPolicy is null)
        {
            options.RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null;
        }

        await stream.AuthenticateAsClientAsync(options, limit.Token);
        return stream;
    }

    private static async Task<string> GetAsync(SslStream stream)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await stream.WriteAsync("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), limit.Token);
        using var text = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
        return await text.ReadToEndAsync(limit.Token);
    }
}
