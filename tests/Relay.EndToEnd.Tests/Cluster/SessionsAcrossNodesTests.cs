using System.Text.Json;
using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>A session taken up on another node than the one it was on (protocols.md, <c>relay</c>, "Sessions").</summary>
public sealed class SessionsAcrossNodesTests : IAsyncLifetime
{
    private RollingCluster _cluster = null!;

    private NodeProcess A => _cluster.Nodes[0];

    private NodeProcess B => _cluster.Nodes[1];

    public async Task InitializeAsync() => _cluster = await RollingCluster.StartAsync(3);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_session_follows_its_client_from_node_to_node_and_is_in_one_place_only()
    {
        await using var first = await WsClient.ConnectAsync(A.Ws("/relay"), "relay.v1");
        var connected = await first.NextJsonAsync();
        var token = connected.Text("session")!;
        var place = await first.SubscribeAsync("topics/a", ""","filter":{"events":["go.*"]}""");
        await first.SubscribeAsync("topics/*");

        // While the old connection stands open, by another node.
        var positions = $$$"""{"topics/a":{"epoch":"{{{place.Text("epoch")}}}","offset":{{{place.Number("offset")}}}}}""";
        await using var second = await WsClient.ConnectAsync(B.Ws("/relay"), "relay.v1");
        var resumed = await ResumeAsync(second, token, positions);
        Assert.Equal((token, connected.Text("client_id")), (resumed.Text("session"), resumed.Text("client_id")));
        Assert.Equal("global topics/* topics/a", string.Join(' ', resumed.GetProperty("channels").EnumerateArray().Select(static one => one.Text("channel")).Order(StringComparer.Ordinal)));
        Assert.Equal(4409, (await first.EndAsync()).Code);
        await A.PostAsync("/api/v1/publish", """{"channel":"topics/a","event":"stop.it","data":1}""");
        await A.PostAsync("/api/v1/publish", """{"channel":"topics/a","event":"go.on","data":2}""");
        Assert.Equal("go.on", (await second.NextJsonAsync(static json => json.Text("channel") == "topics/a" && json.Text("event") is { } name && name.StartsWith("go", StringComparison.Ordinal))).Text("event"));

        // After it ended, by a third, which neither began nor had it; and back to where it began.
        await second.DisposeAsync();
        await using var third = await WsClient.ConnectAsync(_cluster.Nodes[2].Ws("/relay"), "relay.v1");
        Assert.Equal(token, (await ResumeAsync(third, token, positions)).Text("session"));
        await third.DisposeAsync();
        await using var fourth = await WsClient.ConnectAsync(A.Ws("/relay"), "relay.v1");
        Assert.Equal(token, (await ResumeAsync(fourth, token, positions)).Text("session"));
        Assert.All(_cluster.Nodes, static node => node.AssertNoFailuresInLog());
        Assert.All(_cluster.Nodes, node => Assert.DoesNotContain(token, node.Log, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_that_no_node_gave_is_not_found_and_a_forged_one_takes_nothing()
    {
        await using var owner = await WsClient.ConnectAsync(A.Ws("/relay"), "relay.v1");
        var token = (await owner.NextJsonAsync()).Text("session")!;
        await owner.SubscribeAsync("topics/a");
        await using var other = await B.NativeAsync();
        var forged = token[..^1] + (token[^1] == 'A' ? 'B' : 'A');
        foreach (var wrong in (string[])[forged, new string('A', 32), "short"])
        {
            Assert.Equal("SESSION_NOT_FOUND", (await other.AskAsync($$"""{"type":"resume","id":"r","session":"{{wrong}}"}""")).Text("code"));
        }

        await owner.AssertAnswersAsync();
    }

    [Fact]
    public async Task A_session_outlives_the_node_that_left()
    {
        await using var client = await WsClient.ConnectAsync(A.Ws("/relay"), "relay.v1");
        var token = (await client.NextJsonAsync()).Text("session")!;
        await client.SubscribeAsync("topics/a");
        await client.DisposeAsync();
        Assert.Equal(0, await A.StopAsync());
        await using var second = await WsClient.ConnectAsync(B.Ws("/relay"), "relay.v1");
        Assert.Equal(token, (await ResumeAsync(second, token, "{}")).Text("session"));
    }

    private static async Task<JsonElement> ResumeAsync(WsClient client, string token, string positions)
    {
        while (true)
        {
            await client.SendAsync($$"""{"type":"resume","id":"r","session":"{{token}}","positions":{{positions}}}""");
            var ack = await client.NextJsonAsync("id", "r");
            if (ack.GetProperty("success").GetBoolean())
            {
                return ack;
            }

            Assert.True(ack.Text("code") == "UNAVAILABLE", ack.GetRawText());
            await Task.Delay(TimeSpan.FromMilliseconds(ack.Number("retry_after_ms")), TimeProvider.System);
        }
    }
}
