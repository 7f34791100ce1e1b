using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Testing;

/// <summary>
/// Answers as a Sentinel does, but says what the test wants, such as one that a partition has cut off from the others and that goes on naming the former primary.
/// </summary>
public sealed class StaleSentinel : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _clients = [];
    private readonly List<NetworkStream> _listening = [];
    private readonly string _name;
    private readonly Task _loop;
    private volatile int _primary;

    public StaleSentinel(string name, int primary)
    {
        _name = name;
        _primary = primary;
        _listener.Start();
        _loop = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Whether somebody listens for announcements.</summary>
    public bool IsListenedTo
    {
        get
        {
            lock (_gate)
                return _listening.Count > 0;
        }
    }

    /// <summary>From now on it names this one; who listens is told.</summary>
    public async Task AnnounceAsync(int primary)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{_name} 127.0.0.1 {_primary} 127.0.0.1 {primary}");
        _primary = primary;
        NetworkStream[] listening;
        lock (_gate)
            listening = [.. _listening];
        foreach (var stream in listening)
            await SayAsync(stream, $">3\r\n$7\r\nmessage\r\n{Bulk("+switch-master")}{Bulk(text)}");
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _loop;
        await Task.WhenAll(_clients);
        _ending.Dispose();
    }

    private static string Bulk(string text) => string.Create(CultureInfo.InvariantCulture, $"${text.Length}\r\n{text}\r\n");

    private async Task SayAsync(NetworkStream stream, string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text), _ending.Token);

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                _clients.Add(ServeAsync(client));
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
        {
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            try
            {
                while (await ReadAsync(reader) is { Count: > 0 } command)
                    await AnswerAsync(stream, command);
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
            {
                // The client has gone, or the test ends.
            }

            lock (_gate)
                _listening.Remove(stream);
        }
    }

    // Lengths need not be looked at: no argument of these commands holds a line end.
    private async Task<IReadOnlyList<string>> ReadAsync(StreamReader reader)
    {
        if (await reader.ReadLineAsync(_ending.Token) is not { } head)
            return [];
        var words = new string[int.Parse(head.AsSpan(1), CultureInfo.InvariantCulture)];
        for (var i = 0; i < words.Length; i++)
        {
            await reader.ReadLineAsync(_ending.Token);
            words[i] = await reader.ReadLineAsync(_ending.Token) ?? "";
        }

        return words;
    }

    private async Task AnswerAsync(NetworkStream stream, IReadOnlyList<string> command)
    {
        switch (command[0])
        {
            case "HELLO":
                await SayAsync(stream, $"%3\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n+mode\r\n+sentinel\r\n");
                break;
            case "PING":
                await SayAsync(stream, "+PONG\r\n");
                break;
            case "SENTINEL" when command is [_, "GET-MASTER-ADDR-BY-NAME", var name] && name == _name:
                await SayAsync(stream, $"*2\r\n{Bulk("127.0.0.1")}{Bulk(_primary.ToString(CultureInfo.InvariantCulture))}");
                break;
            case "SUBSCRIBE":
                lock (_gate)
                    _listening.Add(stream);
                await SayAsync(stream, $">3\r\n$9\r\nsubscribe\r\n{Bulk(command[1])}:1\r\n");
                break;
            default:
                await SayAsync(stream, "-ERR unknown command\r\n");
                break;
        }
    }
}
