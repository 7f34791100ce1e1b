using System.Net;
using Relay.Actors.Limits;
using Relay.Node.Proxies;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.WebSockets;

/// <summary>Limits by address and user at the door (docs/limits.md). The tests' clients are all of this machine, so its addresses count here.</summary>
public abstract class DoorLimitTests(int? eventLoops) : SocketTests(eventLoops)
{
    private static readonly RelayLimits Counting = new() { CountPrivateAddresses = true };

    [Fact]
    public async Task An_address_with_too_many_connections_is_told_429_at_once_and_served_when_one_has_ended()
    {
        await using var node = await StartAsync(limits: Counting with { ConnectionsPerAddress = 2 });
        using var first = await node.OpenAsync();
        using var silent = await node.ConnectAsync();
        await Eventually.BecomesTrueAsync(() => node.Gate.Admitted == 2, "two connections admitted");
        using (var third = await node.ConnectAsync())
        {
            var (answer, ending) = await third.ReadToEndAsync();
            Assert.StartsWith("HTTP/1.1 429 Too Many Requests\r\n", answer, StringComparison.Ordinal);
            Assert.Contains("Retry-After: 5\r\n", answer, StringComparison.Ordinal);
            Assert.Contains("limit connections_per_address", answer, StringComparison.Ordinal);
            Assert.Equal(Ending.Fin, ending);
        }

        silent.Dispose();
        await Eventually.BecomesTrueAsync(() => node.Gate is { Open: 1, Admitted: 1 }, "room again");
        using var fourth = await node.OpenAsync();
    }

    [Fact]
    public async Task Connections_that_served_plain_requests_count_and_are_counted_down()
    {
        await using var node = await StartAsync(limits: Counting with { ConnectionsPerAddress = 1 });
        for (var i = 0; i < 3; i++)
        {
            using (var client = await node.ConnectAsync())
            {
                await client.SendAsync("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                Assert.Contains("hello from test", (await client.ReadToEndAsync()).Text, StringComparison.Ordinal);
            }

            await node.WhenIdleAsync();
        }
    }

    [Fact]
    public async Task This_machines_addresses_do_not_count_unless_it_is_said_so()
    {
        await using var node = await StartAsync(limits: new RelayLimits { ConnectionsPerAddress = 1, HandshakesPerSecondPerAddress = 1 });
        for (var i = 0; i < 10; i++)
        {
            using var client = await node.OpenAsync();
        }

        Assert.Equal(0, node.Limits.Addresses);
    }

    [Fact]
    public async Task Too_many_handshakes_of_an_address_are_refused_before_their_credentials_are_looked_at()
    {
        await using var node = await StartAsync(limits: Counting with { HandshakesPerSecondPerAddress = 1 });
        for (var i = 0; i < 5; i++)
        {
            using var client = await node.OpenAsync();
        }

        Assert.Contains("limit handshakes_per_address", await RefusedAsync(node, 429, "Authorization: Bearer wrong"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_handshakes_of_the_node_are_told_503()
    {
        await using var node = await StartAsync(limits: new RelayLimits { HandshakesPerSecond = 1 });
        for (var i = 0; i < 5; i++)
        {
            using var client = await node.OpenAsync();
        }

        Assert.Contains("limit handshakes", await RefusedAsync(node, 503), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Behind_a_proxy_the_client_it_names_counts_and_not_the_proxy()
    {
        var options = TestNode.Options with { Proxies = new ProxyTrust([IPNetwork.Parse("127.0.0.0/8")], ForwardedBy.XForwarded) };
        await using var node = await StartAsync(options, limits: Counting with { ConnectionsPerAddress = 1 });
        using var one = await node.OpenAsync("/ws", "X-Forwarded-For: 203.0.113.1");
        using var two = await node.OpenAsync("/ws", "X-Forwarded-For: 203.0.113.2");
        using var network = await node.OpenAsync("/ws", "X-Forwarded-For: 2001:db8::1");
        Assert.Contains("limit connections_per_address", await RefusedAsync(node, 429, "X-Forwarded-For: 203.0.113.1"), StringComparison.Ordinal);
        Assert.Contains("limit connections_per_address", await RefusedAsync(node, 429, "X-Forwarded-For: 2001:db8::ffff"), StringComparison.Ordinal);
        one.Dispose();
        await Eventually.BecomesTrueAsync(() => HasRoom(node, "203.0.113.1"), "the first is gone");
        using var again = await node.OpenAsync("/ws", "X-Forwarded-For: 203.0.113.1");
    }

    [Fact]
    public async Task Without_memory_new_connections_are_told_503_and_old_ones_live_on()
    {
        await using var node = await StartAsync(limits: new RelayLimits { MemoryBudget = 1000 });
        using var old = await node.OpenAsync("/echo");
        node.Limits.LookAtMemory(950);
        Assert.Contains("limit memory", await RefusedAsync(node, 503), StringComparison.Ordinal);
        await old.SendAsync(RawClient.Text("still here"));
        Assert.Equal("still here", await old.ReadTextAsync());
        node.Limits.LookAtMemory(500);
        using var late = await node.OpenAsync();
    }

    private static bool HasRoom(TestNode node, string address)
    {
        var hasRoom = node.Limits.TryHold(IPAddress.Parse(address), out var hold);
        hold.Release();
        return hasRoom;
    }

    private static async Task<string> RefusedAsync(TestNode node, int status, params string[] headers)
    {
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/ws", headers));
        var (answer, _) = await client.ReadToEndAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("Retry-After: ", answer, StringComparison.Ordinal);
        return answer;
    }
}

public sealed class DoorLimitOnEventLoopsTests() : DoorLimitTests(2);

public sealed class DoorLimitOnKestrelTests() : DoorLimitTests(0);
