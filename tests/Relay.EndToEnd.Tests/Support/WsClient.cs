using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>How a connection ended; code null = without a close frame.</summary>
internal sealed record WsEnd(int? Code, string? Reason);

/// <summary>.NET's own WebSocket client; frames are taken off the socket as they come and wait here for the test.</summary>
internal sealed class WsClient : IAsyncDisposable
{
    /// <summary>A bound for a failing test, not an expectation of speed.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket;
    private readonly Channel<byte[]> _frames = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleWriter = true });
    private readonly Task<WsEnd> _reading;

    private WsClient(ClientWebSocket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    public string? Subprotocol => _socket.SubProtocol;

    /// <exception cref="WebSocketException">Refused.</exception>
    public static async Task<WsClient> ConnectAsync(Uri url, string? subprotocol = null, string? bearer = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        foreach (var offered in subprotocol?.Split(',') ?? [])
        {
            socket.Options.AddSubProtocol(offered);
        }

        if (bearer is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + bearer);
        }

        try
        {
            using var limit = new CancellationTokenSource(Bound, TimeProvider.System);
            await socket.ConnectAsync(url, limit.Token);
            return new WsClient(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The HTTP status with which an upgrade is refused.</summary>
    public static async Task<int> RefusalAsync(Uri url, string? subprotocol = null, string? bearer = null)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        foreach (var offered in subprotocol?.Split(',') ?? [])
        {
            socket.Options.AddSubProtocol(offered);
        }

        if (bearer is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + bearer);
        }

        using var limit = new CancellationTokenSource(Bound, TimeProvider.System);
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(url, limit.Token));
        return (int)socket.HttpStatusCode;
    }

    public async Task SendAsync(string text)
    {
        using var limit = new CancellationTokenSource(Bound, TimeProvider.System);
        await _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
    }

    public async Task SendBinaryAsync(byte[] bytes)
    {
        using var limit = new CancellationTokenSource(Bound, TimeProvider.System);
        await _socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, limit.Token);
    }

    /// <summary>The next message.</summary>
    public async Task<byte[]> NextAsync()
    {
        using var limit = new CancellationTokenSource(Bound, TimeProvider.System);
        try
        {
            return await _frames.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException late)
        {
            throw new TimeoutException("No message came.", late);
        }
        catch (ChannelClosedException closed)
        {
            throw new InvalidOperationException($"The connection ended: {await _reading}", closed);
        }
    }

    public async Task<string> NextTextAsync() => Encoding.UTF8.GetString(await NextAsync());

    public async Task<JsonElement> NextJsonAsync()
    {
        using var document = JsonDocument.Parse(await NextAsync());
        return document.RootElement.Clone();
    }

    /// <summary>The next message that <paramref name="match"/> accepts; others before it are passed over.</summary>
    public async Task<JsonElement> NextJsonAsync(Func<JsonElement, bool> match)
    {
        while (true)
        {
            var json = await NextJsonAsync();
            if (match(json))
            {
                return json;
            }
        }
    }

    /// <summary>The next message that has <paramref name="name"/> with this value.</summary>
    public Task<JsonElement> NextJsonAsync(string name, string value) =>
        NextJsonAsync(json => json.Text(name) is { } found && found.Equals(value, StringComparison.Ordinal));

    /// <summary>Sends and returns the next message.</summary>
    public async Task<JsonElement> AskAsync(string text)
    {
        await SendAsync(text);
        return await NextJsonAsync();
    }

    /// <summary>What has arrived and was not taken yet.</summary>
    public List<string> Pending()
    {
        var pending = new List<string>();
        while (_frames.Reader.TryRead(out var frame))
        {
            pending.Add(Encoding.UTF8.GetString(frame));
        }

        return pending;
    }

    /// <summary>How the connection ended, once it has.</summary>
    public Task<WsEnd> EndAsync() => _reading.WaitAsync(Bound, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _reading;
        _socket.Dispose();
    }

    private async Task<WsEnd> ReadAsync()
    {
        var buffer = new byte[16 * 1024];
        var length = 0;
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    return new WsEnd((int?)_socket.CloseStatus, _socket.CloseStatusDescription);
                }

                length += result.Count;
                if (result.EndOfMessage)
                {
                    _frames.Writer.TryWrite(buffer.AsSpan(0, length).ToArray());
                    length = 0;
                }
                else if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }
            }
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            return new WsEnd(null, error.Message);
        }
        finally
        {
            _frames.Writer.TryComplete();
        }
    }
}
