using System.Net;
using System.Net.Sockets;

namespace Relay.Redis.Tests.Cluster;

/// <summary>
/// Stands between a client and a server. Connections that exist when it is told to deafen stay open and take everything, but those that have subscribed bring only
/// answers to PING from then on, as one does that has ended up at a server to which nobody publishes.
/// </summary>
internal sealed class DeafProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Link> _links = [];
    private readonly Lock _gate = new();
    private readonly int _target;
    private readonly Task _loop;

    public DeafProxy(int target)
    {
        _target = target;
        _listener.Start();
        _loop = AcceptAsync();
    }

    public string Endpoint => $"redis://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Deafen()
    {
        lock (_gate)
        {
            Assert.Contains(_links, static link => link.Subscribed);
            foreach (var link in _links)
                link.Deaf = link.Subscribed;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _loop;
        await Task.WhenAll(_links.Select(static link => link.Done));
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var link = new Link(await _listener.AcceptTcpClientAsync(_ending.Token));
                lock (_gate)
                    _links.Add(link);
                link.Done = ServeAsync(link);
            }
        }
        catch (Exception) when (_ending.IsCancellationRequested)
        {
            // Disposed; a listener that has stopped meanwhile says so in another way.
        }
    }

    private async Task ServeAsync(Link link)
    {
        using var client = link.Client;
        using var server = new TcpClient();
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _target, _ending.Token);
            await Task.WhenAny(UpAsync(link, server), DownAsync(link, server));
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            // The test ends, or the server has.
        }
    }

    private Task UpAsync(Link link, TcpClient server) => CopyAsync(link.Client, server, bytes =>
    {
        link.Subscribed |= bytes.IndexOf("SUBSCRIBE"u8) >= 0;
        if (link.Deaf && bytes.IndexOf("PING"u8) >= 0)
            link.Client.GetStream().Write("+PONG\r\n"u8);
        return true;
    });

    private Task DownAsync(Link link, TcpClient server) => CopyAsync(server, link.Client, _ => !link.Deaf);

    private async Task CopyAsync(TcpClient from, TcpClient to, PassesOn passes)
    {
        var bytes = new byte[65_536];
        try
        {
            while (await from.GetStream().ReadAsync(bytes, _ending.Token) is > 0 and var count)
            {
                if (passes(bytes.AsSpan(0, count)))
                    await to.GetStream().WriteAsync(bytes.AsMemory(0, count), _ending.Token);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // One side has gone.
        }
    }

    private delegate bool PassesOn(ReadOnlySpan<byte> bytes);

    private sealed class Link(TcpClient client)
    {
        public TcpClient Client { get; } = client;

        public Task Done { get; set; } = Task.CompletedTask;

        public volatile bool Subscribed;

        public volatile bool Deaf;
    }
}
