using System.Net;
using System.Net.Sockets;

namespace Relay.Redis.Tests.Contract;

/// <summary>A server that misbehaves in ways the real one does not. Serves each connection by the given script, until disposed.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    public const string Hello = "%4\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n+role\r\n+master\r\n";
    public const string Pong = "+PONG\r\n";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly Func<NetworkStream, CancellationToken, Task> _script;
    private readonly Task _loop;

    public FakeServer(Func<NetworkStream, CancellationToken, Task> script)
    {
        _script = script;
        _listener.Start();
        _loop = ServeAsync();
    }

    public string Endpoint => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Answers what comes by one text after the other, then keeps the connection open and silent.</summary>
    public static FakeServer Answering(params IReadOnlyList<string> texts) => new(async (stream, ending) =>
    {
        foreach (var text in texts)
        {
            await SkipAsync(stream, ending);
            await SayAsync(stream, text, ending);
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending);
    });

    public static async Task SkipAsync(NetworkStream stream, CancellationToken ending)
    {
        var bytes = new byte[4096];
        _ = await stream.ReadAsync(bytes, ending);
    }

    public static async Task SayAsync(NetworkStream stream, string text, CancellationToken ending) =>
        await stream.WriteAsync(System.Text.Encoding.Latin1.GetBytes(text), ending);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _loop;
        _ending.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                await ServeAsync(client.GetStream());
            }
        }
        catch (Exception) when (_ending.IsCancellationRequested)
        {
            // Disposed; a listener that has stopped meanwhile says so in another way.
        }
    }

    private async Task ServeAsync(NetworkStream stream)
    {
        try
        {
            await _script(stream, _ending.Token);
        }
        catch (IOException)
        {
            // The client has gone away, as it should from such a server.
        }
    }
}
