using System.Net.Sockets;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.WebSockets;

/// <summary>More connections than the node may hold (reliability.md, finding 3, S16).</summary>
public abstract class ConnectionLimitTests(int? eventLoops) : SocketTests(eventLoops)
{
    [Fact]
    public async Task Beyond_the_limit_a_client_is_told_503_at_once_and_served_when_there_is_room()
    {
        await using var node = await StartAsync(TestNode.Options with { MaxConnections = 2 });
        using var first = await node.OpenAsync("/echo");
        using var second = await node.ConnectAsync();
        await Eventually.BecomesTrueAsync(() => node.Gate.Admitted == 2, "two connections admitted");
        using (var third = await node.ConnectAsync())
        {
            var (answer, ending) = await third.ReadToEndAsync();
            Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
            Assert.Contains("Connection: close\r\n", answer, StringComparison.Ordinal);
            Assert.Contains("Retry-After: 1\r\n", answer, StringComparison.Ordinal);
            Assert.Equal(Ending.Fin, ending);
        }

        await first.SendAsync(RawClient.Text("still here"));
        Assert.Equal("still here", await first.ReadTextAsync());
        second.Dispose();
        await Eventually.BecomesTrueAsync(() => node.Gate is { Open: 1, Admitted: 1 }, "room again");
        using var fourth = await node.OpenAsync("/echo");
        Assert.Equal(1, node.Gate.Refused);
    }

    [Fact]
    public async Task A_flood_is_refused_or_dropped_and_old_and_new_clients_are_served()
    {
        await using var node = await StartAsync(TestNode.Options with { MaxConnections = 20, RefusalBand = 10, RefusalLinger = TimeSpan.FromSeconds(20) });
        var old = new List<RawClient>();
        for (var i = 0; i < 20; i++)
        {
            old.Add(await node.OpenAsync("/echo"));
        }

        // Ten are told 503 and linger, because they do not hang up; the rest find no room at all.
        var flood = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => TryConnectAsync(node)));
        await Eventually.BecomesTrueAsync(() => node.Gate is { Refused: 10, Dropped: 90 }, "a hundred turned away");
        Assert.Equal((30, 20), (node.Gate.Open, node.Gate.Admitted));
        foreach (var client in old)
        {
            await client.SendAsync(RawClient.Text("still here"));
            Assert.Equal("still here", await client.ReadTextAsync());
        }

        foreach (var client in flood.Concat(old))
        {
            client?.Dispose();
        }

        await node.WhenIdleAsync();
        using var good = await node.OpenAsync("/echo");
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task Over_TLS_a_client_beyond_the_limit_is_dropped_before_the_handshake()
    {
        using var certificate = new TestCertificate();
        await using var node = await StartAsync(TestNode.Options with { MaxConnections = 1 }, certificate: certificate);
        using var first = await RawClient.ConnectAsync(node.Port, tls: true);
        using var second = await TryConnectAsync(node);
        Assert.Equal("", second is null ? "" : (await second.ReadToEndAsync()).Text);
        await Eventually.BecomesTrueAsync(() => node.Gate.Refused == 1, "one refused");
    }

    /// <summary>Null when the connection was dropped before the client knew that it had one.</summary>
    private static async Task<RawClient?> TryConnectAsync(TestNode node)
    {
        try
        {
            return await node.ConnectAsync();
        }
        catch (SocketException)
        {
            return null;
        }
    }
}

public sealed class ConnectionLimitOnEventLoopsTests() : ConnectionLimitTests(OnLoops);

public sealed class ConnectionLimitOnKestrelTests() : ConnectionLimitTests(OnKestrel);
