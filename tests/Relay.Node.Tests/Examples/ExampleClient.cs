using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Relay.Testing;

namespace Relay.Node.Tests.Examples;

/// <summary>A WebSocket client that reads text messages; every wait ends after <see cref="Eventually.DefaultBound"/>.</summary>
internal sealed class ExampleClient : IDisposable
{
    private readonly ClientWebSocket _socket = new();

    public static async Task<ExampleClient> ConnectAsync(Uri listener, string target)
    {
        var client = new ExampleClient();
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        await client._socket.ConnectAsync(new Uri($"ws://{listener.Authority}{target}"), limit.Token);
        return client;
    }

    public async Task SendAsync(string text)
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        await _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
    }

    /// <summary>The next message.</summary>
    public async Task<string> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultBound);
        using var message = new MemoryStream();
        var buffer = new byte[4096];
        ValueWebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
            Assert.Equal(WebSocketMessageType.Text, part.MessageType);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length);
    }

    /// <summary>The next message as JSON.</summary>
    public async Task<JsonElement> ReadJsonAsync() => JsonDocument.Parse(await ReadAsync()).RootElement;

    /// <summary>Reads on to a message whose <paramref name="member"/> is <paramref name="value"/>.</summary>
    public async Task<JsonElement> ReadUntilAsync(string member, string value)
    {
        while (true)
        {
            var message = await ReadJsonAsync();
            if (message.TryGetProperty(member, out var found) && found.ValueKind == JsonValueKind.String && found.GetString() == value)
            {
                return message;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
