namespace Relay.EndToEnd.Tests.Support;

/// <summary>Clients of each family, connected and past their greeting.</summary>
internal static class Clients
{
    /// <summary>Native JSON; <c>connected</c> has been read.</summary>
    public static async Task<WsClient> NativeAsync(this NodeProcess node, string? bearer = null)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1", bearer);
        Assert.Equal("connected", (await client.NextJsonAsync()).Text("type"));
        return client;
    }

    /// <summary>Context; <c>connected</c> has been read.</summary>
    public static async Task<WsClient> ContextAsync(this NodeProcess node, string path = "/ws", string? bearer = null)
    {
        var client = await WsClient.ConnectAsync(node.Ws(path, "context"), bearer: bearer);
        Assert.Equal("connected", (await client.NextJsonAsync()).Text("type"));
        return client;
    }

    /// <summary>Hooks; <c>system.status</c> has been read.</summary>
    public static async Task<WsClient> HooksAsync(this NodeProcess node)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/", "hooks"));
        Assert.Equal("system.status", (await client.NextJsonAsync()).Text("type"));
        return client;
    }

    /// <summary>Chat UI; the welcome has been read.</summary>
    public static async Task<WsClient> WebUiAsync(this NodeProcess node)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/ws"));
        Assert.Equal("system_message", (await client.NextJsonAsync()).Text("type"));
        return client;
    }

    /// <summary>Updates of one user; subscribed, which such a client is never told.</summary>
    public static async Task<WsClient> UpdatesAsync(this NodeProcess node, string user, int already = 0)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/ws?userId=" + Uri.EscapeDataString(user)));
        await node.SubscribedAsync("users/" + user, already + 1);
        return client;
    }

    /// <summary>A project's events; subscribed.</summary>
    public static async Task<WsClient> ProjectsAsync(this NodeProcess node, string project, int already = 0)
    {
        var client = await WsClient.ConnectAsync(node.Ws("/ws?project_id=" + project));
        await node.SubscribedAsync("projects/" + project, already + 1);
        return client;
    }

    /// <summary>Waits until a channel has so many subscribers on this node.</summary>
    public static Task SubscribedAsync(this NodeProcess node, string channel, int subscribers) => Relay.Testing.Eventually.UntilAsync(
        async () => (await node.GetAsync("/api/v1/channels?scope=node")).Json.GetProperty("channels").EnumerateArray()
            .Any(entry => entry.Text("channel") == channel && entry.Number("subscribers") == subscribers),
        $"{subscribers} subscribers of {channel}");

    /// <summary>Publishes over a native connection of its own; returns the ack.</summary>
    public static async Task<System.Text.Json.JsonElement> PublishOnceAsync(this NodeProcess node, string channel)
    {
        await using var client = await node.NativeAsync();
        await client.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"message.new","id":"once","data":{"id":"once"} }""");
        return await client.NextJsonAsync();
    }

    /// <summary>Subscribes; returns the ack.</summary>
    public static async Task<System.Text.Json.JsonElement> SubscribeAsync(this WsClient client, string channel, string more = "")
    {
        await client.SendAsync($$"""{"type":"subscribe","channel":"{{channel}}","id":"sub-{{channel}}"{{more}}}""");
        var ack = await client.NextJsonAsync("id", "sub-" + channel);
        Assert.True(ack.GetProperty("success").GetBoolean(), ack.GetRawText());
        return ack;
    }

    /// <summary>A ping of the connection's own words is answered.</summary>
    public static async Task AssertAnswersAsync(this WsClient client, string id = "alive")
    {
        await client.SendAsync($$"""{"type":"ping","id":"{{id}}"}""");
        await client.NextJsonAsync(json => json.Text("type") == "pong" && json.Text("id") == id);
    }
}
