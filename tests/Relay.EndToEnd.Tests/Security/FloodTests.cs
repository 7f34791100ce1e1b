using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Relay.Testing;
using static Relay.EndToEnd.Tests.Security.Attack;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S29 and S30: floods, and clients that do not read (docs/security-tests.md).</summary>
[Collection(HostileCollection.Name)]
public sealed class FloodTests(HostileNode hostile)
{
    private readonly NodeProcess _node = hostile.Process;

    /// <summary>S29.</summary>
    [Fact]
    public async Task S29_Pings_whose_pongs_are_never_read_are_held_back_or_cut()
    {
        var watch = await hostile.WatchAsync();
        var pings = Enumerable.Repeat(RawSocket.Frame(Opcode.Ping, new byte[125]), 5000).SelectMany(static frame => frame).ToArray();
        var sockets = new List<RawSocket>();
        try
        {
            for (var i = 0; i < 10; i++)
            {
                sockets.Add(await RawSocket.ConnectAsync(_node.Port("main"), receiveBuffer: 4096));
                await sockets[i].OpenAsync(i % 2 == 0 ? "/relay" : "/echo", Bearer(HostileNode.ServiceKey));
            }

            // 65 MB of pings each, or as far as the node reads while nobody reads it.
            using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(TestLength.Of(2, 20)));
            await Task.WhenAll(sockets.Select(socket => FloodAsync(socket, pings, 100, enough.Token)));
            await hostile.Good.GoesOnAsync();
            watch.AssertMemory();
        }
        finally
        {
            sockets.ForEach(static socket => socket.Dispose());
        }

        await watch.PassAsync();
    }

    /// <summary>S29.</summary>
    [Fact]
    public async Task S29_Wrong_credentials_and_new_connections_in_floods_leave_others_alone()
    {
        var watch = await hostile.WatchAsync();
        var wrong = RawSocket.Upgrade("/relay", Bearer(TestTokens.Hs256("""{"alg":"HS256","kid":"hs"}""", TestTokens.Claims("a", HostileNode.Issuer), "wrong-secret-wrong-secret-wrong-secret")));
        await Parallel.ForEachAsync(Enumerable.Range(0, TestLength.Of(1500, 20_000)), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            // A limit of connections or handshakes may answer first.
            Assert.True(await StatusAsync(_node, wrong) is 401 or 429 or 503 or 0);
        });
        await watch.PassAsync();
    }

    /// <summary>S29.</summary>
    [Fact]
    public async Task S29_Messages_in_floods_are_answered_to_their_sender_and_leave_others_alone()
    {
        var watch = await hostile.WatchAsync();
        await ManyAsync(8, async n =>
        {
            using var socket = await OpenNativeAsync(_node, HostileNode.TokenOf("flooder-" + n));
            var garbage = Enumerable.Repeat(RawSocket.Text("{\"type\":\"nobody-knows\",\"id\":\"x\"}"), 5000).SelectMany(static frame => frame).ToArray();
            var sending = socket.TrySendAsync(garbage);
            socket.HalfClose(after: sending);
            await socket.ToEndAsync();
        });
        await watch.PassAsync();
    }

    /// <summary>S30; others see every event in order: SlowClientTests; half-open peers: SlowClientTests, KeepAliveTests.</summary>
    [Fact]
    public async Task S30_Readers_that_stop_or_take_a_byte_at_a_time_are_bounded()
    {
        var watch = await hostile.WatchAsync(mostMiB: 160);
        var slow = new List<RawSocket>();
        await using var publisher = await _node.NativeAsync(HostileNode.ServiceKey);
        try
        {
            for (var i = 0; i < 20; i++)
            {
                slow.Add(await RawSocket.ConnectAsync(_node.Port("main"), receiveBuffer: 4096));
                await slow[i].OpenAsync("/relay", Bearer(HostileNode.ServiceKey), "Sec-WebSocket-Protocol: relay.v1");
                await slow[i].SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/slow","id":"s"}"""));
            }

            // 32 MB for each of them.
            var data = new string('s', 8000);
            for (var i = 0; i < 4000; i++)
            {
                await publisher.SendAsync($$"""{"type":"publish","channel":"topics/slow","event":"e","data":"{{data}}"}""");
            }

            await publisher.AssertAnswersAsync();
            await hostile.Good.GoesOnAsync();
            watch.AssertMemory();
        }
        finally
        {
            slow.ForEach(static socket => socket.Dispose());
        }

        await publisher.DisposeAsync();
        await watch.PassAsync();
    }

    private static async Task FloodAsync(RawSocket socket, byte[] bytes, int times, CancellationToken enough)
    {
        for (var i = 0; i < times && !enough.IsCancellationRequested; i++)
        {
            var sending = socket.TrySendAsync(bytes);
            await Task.WhenAny(sending, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, enough));
            if (!sending.IsCompleted)
            {
                // Held back by TCP: ended with the socket.
                _ = sending.ContinueWith(static task => task.Exception, TaskScheduler.Default);
                return;
            }
        }
    }
}
