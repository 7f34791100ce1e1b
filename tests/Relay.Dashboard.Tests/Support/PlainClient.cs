using System.Net.WebSockets;
using System.Text;

namespace Relay.Dashboard.Tests.Support;

/// <summary>A native client that subscribes to one channel and waits for its end.</summary>
internal sealed class PlainClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[65_536];

    /// <summary>Connects, subscribes and returns when that is acknowledged.</summary>
    public static async Task<PlainClient> SubscribeAsync(Uri address, string frame)
    {
        var client = new PlainClient();
        client._socket.Options.AddSubProtocol("relay.v1");
        await client._socket.ConnectAsync(address, CancellationToken.None);
        await client._socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, true, CancellationToken.None);
        while (!(await client.ReadAsync() ?? throw new InvalidOperationException("The connection ended")).Contains("\"type\":\"ack\"", StringComparison.Ordinal))
        {
            // The greeting, and what comes on global.
        }

        return client;
    }

    /// <summary>The code and reason with which the node closed it.</summary>
    public async Task<(int Code, string Reason)> ClosedAsync()
    {
        while (await ReadAsync() is not null)
        {
            // What was still under way.
        }

        return ((int)_socket.CloseStatus!.Value, _socket.CloseStatusDescription ?? "");
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string?> ReadAsync()
    {
        var got = await _socket.ReceiveAsync(_buffer, CancellationToken.None);
        return got.MessageType == WebSocketMessageType.Close ? null : Encoding.UTF8.GetString(_buffer, 0, got.Count);
    }
}
