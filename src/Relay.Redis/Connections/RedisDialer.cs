using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Redis.Connections;

/// <summary>Opens the byte stream to a server: TCP, then TLS if asked for.</summary>
/// <remarks>
/// A socket that is to be watched is connected by a thread of its own that blocks in <c>connect</c>. An asynchronous connect registers the socket with the runtime's
/// socket engine for good, which from then on wakes a thread for every byte that somebody else is going to read.
/// </remarks>
internal static class RedisDialer
{
    // It connects and ends.
    private const int ConnectStack = 256 * 1024;

    public static async Task<RedisTransport> DialAsync(RedisEndpoint endpoint, RedisOptions options, bool watched, CancellationToken cancellationToken)
    {
        if (watched && !options.Tls)
            return await DialWatchedAsync(endpoint, cancellationToken);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(endpoint.Host, endpoint.Port), cancellationToken);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return new RedisTransport(options.Tls ? await StartTlsAsync(stream, endpoint, options, cancellationToken) : stream);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<RedisTransport> DialWatchedAsync(RedisEndpoint endpoint, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(endpoint.Host, cancellationToken);
        var socket = await ConnectAsync(addresses, endpoint.Port, cancellationToken);

        // The stream wants a blocking socket at its beginning. It is only written to, and that works either way.
        var stream = new NetworkStream(socket, ownsSocket: true);
        socket.Blocking = false;
        return new RedisTransport(stream, socket);
    }

    private static Task<Socket> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        var connected = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(
            () =>
            {
                try
                {
                    connected.SetResult(Connect(addresses, port, cancellationToken));
                }
                catch (Exception error)
                {
                    connected.SetException(error);
                }
            },
            ConnectStack) { IsBackground = true, Name = "redis-connect" };
        thread.UnsafeStart();
        return connected.Task;
    }

    /// <summary>Tries one address after the other; a disposed socket ends its call.</summary>
    private static Socket Connect(IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        Exception error = new SocketException((int)SocketError.NoData);
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                using (cancellationToken.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket))
                    socket.Connect(address, port);
                cancellationToken.ThrowIfCancellationRequested();
                return socket;
            }
            catch (Exception failed)
            {
                socket.Dispose();
                cancellationToken.ThrowIfCancellationRequested();
                error = failed;
            }
        }

        throw error;
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
