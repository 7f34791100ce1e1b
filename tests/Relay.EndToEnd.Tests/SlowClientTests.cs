using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that do not read or no longer answer (guarantees.md 8; reliability.md S30, F20, F21).</summary>
public sealed class SlowClientTests(ITestOutputHelper output)
{
    private const int Events = 5000;
    private const int Window = 50;
    private const int SlowClients = 20;
    private const long MiB = 1 << 20;

    /// <summary>
    /// The slow ones' share if nothing were bounded is 20 × 40 MB. What may grow: 1 MiB for each of them, 1000 events of 8 KB in the channel's history,
    /// and what the garbage collector has not given back yet.
    /// </summary>
    private const long MostGrowth = 200 * MiB;

    private static readonly string Padding = new('x', 8000);

    [Fact]
    public async Task Clients_that_stop_reading_are_cut_and_others_see_every_event_in_order()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var publisher = await node.NativeAsync();
        await using var good = await node.NativeAsync();
        await good.SubscribeAsync("topics/load");
        var slow = new List<RawSocket>();
        try
        {
            for (var i = 0; i < SlowClients; i++)
            {
                slow.Add(await RawSocket.ConnectAsync(node.Port("main"), receiveBuffer: 4096));
                await slow[i].OpenAsync(i % 2 == 0 ? "/relay" : "/ws", i % 2 == 0 ? "Sec-WebSocket-Protocol: relay.v1" : "Sec-WebSocket-Protocol: relay.context");
                await slow[i].SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/load","id":"s"}"""));
            }

            await node.SubscribedAsync("topics/load", SlowClients + 1);
            var before = node.ResidentBytes;
            var most = before;

            // The good client's progress paces the publisher, so it is never the one that is too slow.
            for (var first = 0; first < Events; first += Window)
            {
                for (var n = first; n < first + Window; n++)
                {
                    await publisher.SendAsync($$$"""{"type":"publish","channel":"topics/load","event":"load","data":{"n":{{{n}}},"padding":"{{{Padding}}}"}}""");
                }

                for (var n = first; n < first + Window; n++)
                {
                    var received = await good.NextJsonAsync();
                    Assert.Equal(n, received.GetProperty("data").Number("n"));
                    Assert.Equal(n + 1, received.Number("offset"));
                }

                most = Math.Max(most, node.ResidentBytes);
            }

            output.WriteLine($"{SlowClients} deaf clients, {Events} events of 8 KB: memory grew by {(most - before) / MiB} MiB at most");
            Assert.True(most - before < MostGrowth, $"memory grew by {(most - before) / MiB} MiB");
            await Eventually.UntilAsync(async () => await node.ConnectedClientsAsync() == 2, "the slow clients are cut");
            await node.SubscribedAsync("topics/load", 1);
            await good.AssertAnswersAsync();
        }
        finally
        {
            slow.ForEach(static one => one.Dispose());
        }

        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_slow_client_that_reads_again_finds_whole_frames_and_the_reason_behind_them()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var publisher = await node.NativeAsync();
        using var slow = await RawSocket.ConnectAsync(node.Port("main"), receiveBuffer: 4096);
        await slow.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1");
        await slow.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/load","id":"s"}"""));
        await node.SubscribedAsync("topics/load", 1);

        // 12 MB: more than the bound of 1 MiB and what kernels keep for a socket (Linux: at most 4 MB to send). Read at once afterwards: the reason
        // waits 5 s for a client that does not read, then the connection is dropped without it.
        const int Published = 1500;
        for (var n = 0; n < Published; n++)
        {
            await publisher.SendAsync($$$"""{"type":"publish","channel":"topics/load","event":"load","data":{"n":{{{n}}},"padding":"{{{Padding}}}"}}""");
        }

        await publisher.AssertAnswersAsync();
        var expected = 0;
        while (true)
        {
            var (opcode, payload) = await slow.FrameAsync();
            if (opcode == Opcode.Close)
            {
                Assert.Equal(1013, (payload[0] << 8) | payload[1]);
                break;
            }

            var json = Json.Parse(System.Text.Encoding.UTF8.GetString(payload));
            if (json.Text("event") == "load")
            {
                Assert.Equal(expected++, json.GetProperty("data").Number("n"));
            }
        }

        Assert.True(expected is > 0 and < Published, $"{expected} of {Published} events before the cut");
    }

    [Fact]
    public async Task Pings_come_at_the_configured_interval_and_a_silent_peer_is_dropped()
    {
        await using var node = await NodeProcess.StartAsync(
            ("Dialects:relay:PingInterval", "1s"), ("Dialects:relay:IdleTimeout", "3s"), ("Dialects:hooks:PingInterval", "1s"), ("Dialects:hooks:IdleTimeout", "3s"));
        await using var answering = await node.NativeAsync();
        using var silent = await RawSocket.ConnectAsync(node.Port("main"));
        await silent.OpenAsync("/relay");
        using var silentHook = await RawSocket.ConnectAsync(node.Port("hooks"));
        await silentHook.OpenAsync("/");
        foreach (var socket in new[] { silent, silentHook })
        {
            Opcode opcode;
            do
            {
                (opcode, _) = await socket.FrameAsync();
            }
            while (opcode != Opcode.Ping);
            await socket.ToEndAsync();
        }

        // .NET's client answers pings by itself, and so has outlived the silent ones.
        await answering.AssertAnswersAsync();
        Assert.Equal(1, await node.ConnectedClientsAsync());
        node.AssertNoFailuresInLog();
    }
}
