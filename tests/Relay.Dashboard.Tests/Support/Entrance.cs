using System.Net;
using System.Net.Sockets;

namespace Relay.Dashboard.Tests.Support;

/// <summary>One address in front of several nodes, as a load balancer is: each new connection goes to the node that is in front then, and lives as long as both its ends.</summary>
internal sealed class Entrance : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _links = [];
    private readonly Task _loop;
    private volatile int _port;

    public Entrance(int port)
    {
        _port = port;
        _listener.Start();
        _loop = AcceptAsync();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>From now on connections go to another node.</summary>
    public void Lead(int port) => _port = port;

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _loop;
        await Task.WhenAll(_links);
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _links.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_ending.Token)));
            }
        }
        catch (Exception) when (_ending.IsCancellationRequested)
        {
            // Disposed; a listener that has stopped meanwhile says so in another way.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var node = new TcpClient();
        try
        {
            using (client)
            {
                await node.ConnectAsync(IPAddress.Loopback, _port, _ending.Token);
                var (here, there) = (client.GetStream(), node.GetStream());
                await Task.WhenAny(here.CopyToAsync(there, _ending.Token), there.CopyToAsync(here, _ending.Token));
            }
        }
        catch (Exception lost) when (lost is IOException or SocketException or OperationCanceledException)
        {
            // Either end is gone, and so is the other one now.
        }
    }
}
