using Google.Protobuf;
using Relay.Protocol.Native;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>A native client that speaks protobuf.</summary>
internal sealed class ProtobufClient : IAsyncDisposable
{
    private readonly WsClient _socket;

    private ProtobufClient(WsClient socket) => _socket = socket;

    public static async Task<ProtobufClient> ConnectAsync(NodeProcess node)
    {
        var socket = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1.protobuf");
        Assert.Equal("relay.v1.protobuf", socket.Subprotocol);
        return new ProtobufClient(socket);
    }

    public Task SendAsync(ClientMessage message) => _socket.SendBinaryAsync(message.ToByteArray());

    public async Task<ServerMessage> NextAsync() => ServerMessage.Parser.ParseFrom(await _socket.NextAsync());

    /// <summary>The next message of this kind; others are passed over.</summary>
    public async Task<ServerMessage> NextAsync(ServerMessage.MessageOneofCase kind)
    {
        while (true)
        {
            var message = await NextAsync();
            if (message.MessageCase == kind)
            {
                return message;
            }
        }
    }

    public async Task SubscribeAsync(string channel)
    {
        await SendAsync(new ClientMessage { Id = "sub", Subscribe = new Subscribe { Channel = channel } });
        var ack = (await NextAsync(ServerMessage.MessageOneofCase.Ack)).Ack;
        Assert.True(ack.Success, ack.Error);
    }

    public ValueTask DisposeAsync() => _socket.DisposeAsync();
}
