using Relay.Protocol.Native;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>One client of each family that can hear a session, all listening to the same one.</summary>
internal sealed class SessionAudience : IAsyncDisposable
{
    private SessionAudience(string sessionId) => SessionId = sessionId;

    public string SessionId { get; }

    public string Channel => "sessions/" + SessionId;

    public required WsClient Context { get; init; }

    public required WsClient Native { get; init; }

    public required ProtobufClient Protobuf { get; init; }

    public required WsClient Hooks { get; init; }

    public required WsClient WebUi { get; init; }

    /// <summary>Spread over the nodes in turn.</summary>
    public static async Task<SessionAudience> OpenAsync(params IReadOnlyList<NodeProcess> nodes)
    {
        var webui = await At(0).WebUiAsync();
        var id = (await webui.AskAsync("""{"type":"session_create"}""")).GetProperty("data").Text("session_id")!;
        var audience = new SessionAudience(id)
        {
            Context = await At(1).ContextAsync(),
            Native = await At(2).NativeAsync(),
            Protobuf = await ProtobufClient.ConnectAsync(At(3)),
            Hooks = await At(4).HooksAsync(),
            WebUi = webui,
        };
        await audience.Context.SubscribeAsync(audience.Channel);
        await audience.Native.SubscribeAsync(audience.Channel);
        await audience.Protobuf.SubscribeAsync(audience.Channel);
        await audience.Hooks.SendAsync($$"""{"type":"register","session_id":"{{id}}"}""");
        for (var node = 0; node < nodes.Count; node++)
        {
            await nodes[node].SubscribedAsync(audience.Channel, Enumerable.Range(0, 5).Count(client => client % nodes.Count == node));
        }

        return audience;

        NodeProcess At(int client) => nodes[client % nodes.Count];
    }

    /// <summary>Everyone but the sender gets the event, each in its own words, with the payload byte for byte.</summary>
    public async Task AssertHeardAsync(string eventName, string data, object? except = null)
    {
        if (except != Context)
        {
            var context = await Context.NextJsonAsync("event", eventName);
            Assert.Equal("id,channel,event,data,timestamp", context.Keys());
            Assert.Equal(Channel, context.Text("channel"));
            Assert.Equal(data, context.Raw("data"));
        }

        if (except != Native)
        {
            var native = await Native.NextJsonAsync("event", eventName);
            Assert.Equal(Channel, native.Text("channel"));
            Assert.Equal(data, native.Raw("data"));
            Assert.True(native.Number("offset") > 0);
        }

        if (except != Protobuf)
        {
            var protobuf = (await Protobuf.NextAsync(ServerMessage.MessageOneofCase.Event)).Event;
            Assert.Equal((eventName, Channel, data), (protobuf.Event_, protobuf.Channel, protobuf.Data.ToStringUtf8()));
        }

        if (except != Hooks)
        {
            var hooks = await Hooks.NextJsonAsync("type", eventName);
            Assert.Equal("type,timestamp,data", hooks.Keys());
            Assert.Equal(data, hooks.Raw("data"));
        }

        if (except != WebUi)
        {
            var webui = await WebUi.NextJsonAsync("type", eventName);
            Assert.Equal("type,session_id,message_id,timestamp,data", webui.Keys());
            Assert.Equal(SessionId, webui.Text("session_id"));
            Assert.Equal(data, webui.Raw("data"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Context.DisposeAsync();
        await Native.DisposeAsync();
        await Protobuf.DisposeAsync();
        await Hooks.DisposeAsync();
        await WebUi.DisposeAsync();
    }
}
