using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Redis.Connections;

/// <summary>Opens the byte stream to a server: TCP, then TLS if asked for.</summary>
internal static class RedisDialer
{
    public static async Task<Stream> DialAsync(RedisEndpoint endpoint, RedisOptions options, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(endpoint.Host, endpoint.Port), cancellationToken);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return options.Tls ? await StartTlsAsync(stream, endpoint, options, cancellationToken) : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> StartTlsAsync(NetworkStream stream, RedisEndpoint endpoint, RedisOptions options, CancellationToken cancellationToken)
    {
        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(await TlsOptionsAsync(endpoint, options, cancellationToken), cancellationToken);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private static async Task<SslClientAuthenticationOptions> TlsOptionsAsync(RedisEndpoint endpoint, RedisOptions options, CancellationToken cancellationToken)
    {
        var tls = new SslClientAuthenticationOptions { TargetHost = options.TlsServerName ?? endpoint.Host };
        if (options.TlsSkipVerify)
        {
#pragma warning disable CA5359 // Asked for by name in the configuration, and logged at every connect.
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (options.TlsCaFile is { } file)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPem(await File.ReadAllTextAsync(file, cancellationToken));
            tls.CertificateChainPolicy = policy;
        }

        return tls;
    }
}
