using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>More sockets than the process may open (reliability.md finding 3, S16, F19): a runtime without descriptors aborts, so it must not come to that.</summary>
public sealed class FileLimitTests(ITestOutputHelper output)
{
    private const int FileLimit = 600;
    private const int Flood = 1200;
    private const int Old = 20;

    [Fact]
    public async Task A_flood_beyond_the_file_limit_is_refused_and_old_connections_live_on()
    {
        await using var node = await NodeProcess.StartAsync(new NodeStart { FileLimit = FileLimit });
        var old = new List<WsClient>();
        var flood = new List<RawSocket?>();
        try
        {
            for (var i = 0; i < Old; i++)
            {
                old.Add(await node.NativeAsync());
            }

            var opening = Enumerable.Range(0, Flood).Select(i => OpenAsync(node, upgrade: i % 2 == 0)).ToList();
            foreach (var one in opening)
            {
                flood.Add(await one);
            }

            var upgrades = flood.Where(static (_, i) => i % 2 == 0).Select(static socket => socket?.HeadAsync() ?? Task.FromResult("")).ToList();
            var heads = await Task.WhenAll(upgrades);
            var (accepted, refused, dropped) = (Count(heads, "HTTP/1.1 101"), Count(heads, "HTTP/1.1 503"), heads.Count(static head => head.Length == 0));
            output.WriteLine($"{Flood / 2} upgrades and as many silent connections at once: {accepted} accepted, {refused} told 503, {dropped} dropped");
            Assert.Equal(heads.Length, accepted + refused + dropped);
            Assert.True(refused + dropped > 0, "nothing was refused");
            Assert.All(heads.Where(static head => head.StartsWith("HTTP/1.1 503", StringComparison.Ordinal)), static head =>
                Assert.Contains("Connection: close", head, StringComparison.OrdinalIgnoreCase));
            Assert.True(node.IsAlive, node.Log);
            foreach (var client in old)
            {
                await client.AssertAnswersAsync();
            }
        }
        finally
        {
            flood.ForEach(static one => one?.Dispose());
        }

        // Again and again with one connection each: the released ones are counted down one by one.
        await Eventually.UntilAsync(async () => (await node.GetAsync("/live")).Status == 200, "the node accepts again");
        await using var late = await node.NativeAsync();
        await late.AssertAnswersAsync();
        foreach (var client in old)
        {
            await client.AssertAnswersAsync("still");
            await client.DisposeAsync();
        }

        node.AssertNoFailuresInLog();
    }

    private static int Count(IEnumerable<string> heads, string status) => heads.Count(head => head.StartsWith(status, StringComparison.Ordinal));

    /// <summary>Null when the node dropped it at once: the reset can be faster than the connect's own end.</summary>
    private static async Task<RawSocket?> OpenAsync(NodeProcess node, bool upgrade)
    {
        RawSocket? socket = null;
        try
        {
            socket = await RawSocket.ConnectAsync(node.Port("main"));
            if (upgrade)
            {
                await socket.SendAsync(RawSocket.Upgrade("/relay"));
            }

            return socket;
        }
        catch (System.Net.Sockets.SocketException)
        {
            socket?.Dispose();
            return null;
        }
    }
}
