using System.Net;
using System.Net.Sockets;

namespace Relay.Testing;

/// <summary>
/// Stands between a program and a server on 127.0.0.1, and loses its bytes for a while: connections stay open, and nothing comes through in either direction, as across a partition.
/// </summary>
public sealed class NetworkProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _links = [];
    private readonly Lock _gate = new();
    private readonly int _target;
    private readonly Task _loop;
    private TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public NetworkProxy(int target)
    {
        _target = target;
        _open.SetResult();
        _listener.Start();
        _loop = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on nothing comes through; what is read waits.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            if (_open.Task.IsCompleted)
            {
                _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    /// <summary>What waited goes on, as TCP's repeats would bring it.</summary>
    public void Heal()
    {
        lock (_gate)
        {
            _open.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        Heal();
        await _loop;
        await Task.WhenAll(_links);
        _ending.Dispose();
    }

    private Task Opened()
    {
        lock (_gate)
        {
            return _open.Task;
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                _links.Add(ServeAsync(client));
            }
        }
        catch (Exception) when (_ending.IsCancellationRequested)
        {
            // Disposed; a listener that has stopped meanwhile says so in another way.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await Opened().WaitAsync(_ending.Token);
                await server.ConnectAsync(IPAddress.Loopback, _target, _ending.Token);
                await await Task.WhenAny(CopyAsync(client, server), CopyAsync(server, client));
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or IOException or ObjectDisposedException)
            {
                // One side has gone, or the test ends.
            }
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to)
    {
        var bytes = new byte[65_536];
        while (await from.GetStream().ReadAsync(bytes, _ending.Token) is > 0 and var count)
        {
            await Opened().WaitAsync(_ending.Token);
            await to.GetStream().WriteAsync(bytes.AsMemory(0, count), _ending.Token);
        }
    }
}
