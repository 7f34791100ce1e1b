using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>What a <see cref="SubscriberProxy"/> does to connections that have subscribed.</summary>
internal enum Deafness
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>They stay open and take everything, and bring nothing but answers to PING.</summary>
    Everything,

    /// <summary>They are subscribed to something else in place of the inbox, and are told that all is well: whatever else the connection brings comes.</summary>
    Inbox,
}

/// <summary>Stands between a node and its Redis.</summary>
internal sealed class SubscriberProxy : IAsyncDisposable
{
    private static readonly byte[] Inbox = "}:in:"u8.ToArray();
    private static readonly byte[] Elsewhere = "}:xx:"u8.ToArray();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Link> _links = [];
    private readonly Lock _gate = new();
    private readonly int _target;
    private readonly Task _loop;
    private Deafness _deafness;

    public SubscriberProxy(int target)
    {
        _target = target;
        _listener.Start();
        _loop = AcceptAsync();
    }

    public string Endpoint => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>
    /// For connections that are opened from now on, and with <see cref="Deafness.Everything"/> for those that are there and have subscribed. With <see cref="Deafness.Inbox"/> these end, so that their
    /// successors subscribe elsewhere. Who is deaf stays it.
    /// </summary>
    public void Set(Deafness deafness)
    {
        lock (_gate)
        {
            _deafness = deafness;
            foreach (var link in _links.Where(static link => link.Subscribed))
            {
                if (deafness == Deafness.Everything)
                {
                    link.Deafness = deafness;
                }
                else if (deafness == Deafness.Inbox)
                {
                    link.Client.Close();
                }
            }
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
                var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                Link link;
                lock (_gate)
                {
                    _links.Add(link = new Link(client) { Deafness = _deafness });
                }

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
            await Task.WhenAny(CopyAsync(client, server, bytes => Up(link, bytes)), CopyAsync(server, client, bytes => Down(link, bytes)));
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The test ends, or the server has.
        }
    }

    private static bool Up(Link link, Span<byte> bytes)
    {
        link.Subscribed |= bytes.IndexOf("SUBSCRIBE"u8) >= 0;
        if (!link.Subscribed)
        {
            return true;
        }

        if (link.Deafness == Deafness.Everything && bytes.IndexOf("PING"u8) >= 0)
        {
            link.Client.GetStream().Write("+PONG\r\n"u8);
        }
        else if (link.Deafness == Deafness.Inbox)
        {
            Replace(bytes, Inbox, Elsewhere);
        }

        return true;
    }

    private static bool Down(Link link, Span<byte> bytes)
    {
        if (link.Subscribed && link.Deafness == Deafness.Inbox)
        {
            Replace(bytes, Elsewhere, Inbox);
        }

        return !link.Subscribed || link.Deafness != Deafness.Everything;
    }

    private static void Replace(Span<byte> bytes, byte[] what, byte[] by)
    {
        while (bytes.IndexOf(what) is >= 0 and var at)
        {
            by.CopyTo(bytes[at..]);
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, PassesOn passes)
    {
        var bytes = new byte[65_536];
        try
        {
            while (await from.GetStream().ReadAsync(bytes, _ending.Token) is > 0 and var count)
            {
                if (passes(bytes.AsSpan(0, count)))
                {
                    await to.GetStream().WriteAsync(bytes.AsMemory(0, count), _ending.Token);
                }
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // One side has gone.
        }
    }

    private delegate bool PassesOn(Span<byte> bytes);

    private sealed class Link(TcpClient client)
    {
        public TcpClient Client { get; } = client;

        public Task Done { get; set; } = Task.CompletedTask;

        public volatile bool Subscribed;

        public volatile Deafness Deafness;
    }
}
