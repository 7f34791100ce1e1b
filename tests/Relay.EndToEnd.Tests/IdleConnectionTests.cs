using Relay.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>What a connection costs that does nothing (performance.md; <c>bench/idle</c> measures 10,000).</summary>
public sealed class IdleConnectionTests(ITestOutputHelper output)
{
    private const int Warm = 300;
    private const int Connections = 2000;

    /// <summary>Twice the goal of 7 KB and some more: a leak of one buffer per connection shows, the garbage collector's mood does not.</summary>
    private const int MostBytesEach = 16 * 1024;

    [Fact]
    public async Task Two_thousand_idle_connections_stay_below_16_KB_each()
    {
        await using var node = await NodeProcess.StartAsync();
        var open = new List<RawSocket>();
        try
        {
            // The first ones pay for code that is compiled once and heaps that are set up once.
            await OpenAsync(node, open, Warm);
            var before = node.ResidentBytes;
            await OpenAsync(node, open, Connections);
            var each = (node.ResidentBytes - before) / Connections;
            output.WriteLine($"{Connections} idle connections: {each} bytes each");
            Assert.InRange(each, 0, MostBytesEach);
            Assert.Equal(Warm + Connections, await node.ConnectedClientsAsync());
        }
        finally
        {
            open.ForEach(static one => one.Dispose());
        }

        await Relay.Testing.Eventually.UntilAsync(async () => await node.ConnectedClientsAsync() == 0, "all connections are gone");
        node.AssertNoFailuresInLog();
    }

    private static async Task OpenAsync(NodeProcess node, List<RawSocket> open, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var socket = await RawSocket.ConnectAsync(node.Port("main"));
            open.Add(socket);
            await socket.OpenAsync("/relay");
        }
    }
}
