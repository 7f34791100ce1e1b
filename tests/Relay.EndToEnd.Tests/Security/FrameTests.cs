using System.IO.Compression;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Relay.Testing;
using static Relay.EndToEnd.Tests.Security.Attack;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S11 to S13, S20, S22, S35: bombs, floods and lies in frames (docs/security-tests.md).</summary>
[Collection(HostileCollection.Name)]
public sealed class FrameTests(HostileNode hostile)
{
    private const string Deflate = "Sec-WebSocket-Extensions: permessage-deflate";

    private readonly NodeProcess _node = hostile.Process;

    /// <summary>S11.</summary>
    [Fact]
    public async Task S11_A_compressed_bomb_ends_at_the_message_limit()
    {
        var bomb = Bomb(128 << 20);
        Assert.InRange(bomb.Length, 100_000, 140_000);
        var watch = await hostile.WatchAsync(mostMiB: 64);
        await ManyAsync(TestLength.Of(20, 200), async _ =>
        {
            using var socket = await OpenNativeAsync(_node, null, Deflate);
            await socket.TrySendAsync(Compressed(bomb));
            Assert.Equal(1009, await socket.CloseCodeAsync());
        });

        // In pieces, and behind messages that are right.
        using (var socket = await OpenNativeAsync(_node, null, Deflate))
        {
            await socket.SendAsync(RawSocket.Text("""{"type":"ping","id":"1"}"""));
            foreach (var (piece, i) in bomb.Chunk(1000).Select(static (piece, i) => (piece, i)))
            {
                var frame = RawSocket.Frame(i == 0 ? Opcode.Text : Opcode.Continuation, piece);
                frame[0] = (byte)(i == 0 ? 0x41 : 0x00);
                await socket.TrySendAsync(frame);
            }

            Assert.Equal(1009, await socket.CloseCodeAsync());
        }

        await watch.PassAsync();
    }

    /// <summary>S12.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task S12_Messages_in_endless_tiny_fragments_are_refused(int bytes)
    {
        var watch = await hostile.WatchAsync();
        byte[] Part(byte head)
        {
            var frame = RawSocket.Frame(Opcode.Text, Encoding.ASCII.GetBytes(new string('a', bytes)));
            frame[0] = head;
            return frame;
        }

        byte[] flood = [.. Part(0x01), .. Enumerable.Repeat(Part(0x00), 50_000).SelectMany(static frame => frame)];
        await ManyAsync(TestLength.Of(10, 50), async _ =>
        {
            using var socket = await OpenNativeAsync(_node);
            await socket.TrySendAsync(flood);
            Assert.Equal(1008, await socket.CloseCodeAsync());
        });
        await watch.PassAsync();
    }

    /// <summary>S12.</summary>
    [Fact]
    public async Task S12_A_message_that_is_never_finished_is_cut_in_time()
    {
        var watch = await hostile.WatchAsync();
        await ManyAsync(TestLength.Of(30, 500), async i =>
        {
            using var socket = await OpenNativeAsync(_node);
            var part = RawSocket.Text("""{"type":"publish","channel":"topics/never","event":"e"}""");
            await socket.SendAsync(part.AsMemory(0, 1 + (i % (part.Length - 1))));
            Assert.True(await socket.CloseCodeAsync() is 1008 or 4408 or null);
        });
        await watch.PassAsync();
    }

    /// <summary>S13.</summary>
    [Theory]
    [InlineData(0x8000_0000_0000_0000UL, 1002)]
    [InlineData(ulong.MaxValue, 1002)]
    [InlineData(0x7FFF_FFFF_FFFF_FFFFUL, 1009)]
    [InlineData(0x1_0000_0000UL, 1009)]
    [InlineData(1UL << 30, 1009)]
    [InlineData(70_000UL, 1009)]
    public async Task S13_Lengths_announced_and_never_sent_are_refused_at_once(ulong length, int code)
    {
        var watch = await hostile.WatchAsync(mostMiB: 32);
        await ManyAsync(TestLength.Of(50, 500), async _ =>
        {
            using var socket = await OpenNativeAsync(_node);
            await socket.SendAsync(Announce(Opcode.Text, length));
            Assert.Equal(code, await socket.CloseCodeAsync());
        });
        await watch.PassAsync();
    }

    /// <summary>S20; a million more: HostileInputTests, FrameFuzzTests; the kinds one by one: FrameAttackTests, ProtocolErrorTests, Conformance.</summary>
    [Fact]
    public async Task S20_Broken_frames_get_their_close_code()
    {
        var watch = await hostile.WatchAsync();
        var unmasked = FrameWriter.Frame(Opcode.Text, "hello"u8);
        (byte[] Frame, int Code)[] broken =
        [
            (unmasked, 1002), ([0x82, 0x00], 1002), ([0xC1, 0x80, 0, 0, 0, 0], 1002), ([0x83, 0x80, 0, 0, 0, 0], 1002), ([0x09, 0x80, 0, 0, 0, 0], 1002), ([0x89, 0xFE, 0, 126], 1002),
            ([0x88, 0x81, 0, 0, 0, 0, 3], 1002), ([0x80, 0x80, 0, 0, 0, 0], 1002), ([0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007), ([0x81, 0xFE, 0, 5, 0, 0, 0, 0], 1002),
        ];
        foreach (var (frame, code) in broken)
        {
            using var socket = await OpenNativeAsync(_node);
            await socket.SendAsync(frame);
            Assert.Equal(code, await socket.CloseCodeAsync());
        }

        await watch.PassAsync();
    }

    /// <summary>S22.</summary>
    [Fact]
    public async Task S22_Counts_that_binary_messages_announce_reserve_nothing()
    {
        var watch = await hostile.WatchAsync(mostMiB: 32);
        byte[][] messages =
        [
            // Length-delimited fields of 2^31-1, 2^32 and 2^63 bytes, groups that nest and never end, a tag of ten bytes.
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0x0A, 0x80, 0x80, 0x80, 0x80, 0x10], [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            [.. Enumerable.Repeat((byte)0x0B, 50_000)], [.. Enumerable.Repeat((byte)0x0A, 50_000)], [.. Enumerable.Repeat((byte)0xFF, 10)],
        ];
        foreach (var message in messages)
        {
            await ManyAsync(10, async _ =>
            {
                using var socket = await OpenAsync(_node, "/relay", Bearer(HostileNode.ServiceKey), "Sec-WebSocket-Protocol: relay.v1.protobuf");
                await socket.SendAsync(RawSocket.Frame(Opcode.Binary, message));

                // The greeting, then what is said of it: an error or a close.
                await socket.FrameAsync();
                Opcode said;
                while ((said = (await socket.FrameAsync()).Opcode) == Opcode.Ping)
                {
                    // Pings come at their own time.
                }

                Assert.True(said is Opcode.Binary or Opcode.Close, said.ToString());
            });
        }

        await watch.PassAsync();
    }

    /// <summary>S35: an attacker who mixes text into a secret's message learns from its length only within that message.</summary>
    [Fact]
    public async Task S35_No_window_is_carried_from_one_message_to_the_next()
    {
        var watch = await hostile.WatchAsync();
        using var socket = await RawSocket.ConnectAsync(_node.Port("main"));
        await socket.SendAsync(RawSocket.Upgrade("/echo", Deflate + "; client_max_window_bits", Bearer(HostileNode.ServiceKey)));
        Assert.Contains("server_no_context_takeover", await socket.HeadAsync(), StringComparison.Ordinal);
        var message = RawSocket.Text(string.Concat(Enumerable.Range(0, 200).Select(static i => "secret-" + i)));
        await socket.SendAsync(message);
        var first = await socket.FrameAsync();
        await socket.SendAsync(message);
        Assert.Equal(first.Payload, (await socket.FrameAsync()).Payload);
        socket.Dispose();
        await watch.PassAsync();
    }

    private static byte[] Bomb(int bytes)
    {
        using var output = new MemoryStream();
        using (var deflate = new DeflateStream(output, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var zeros = new byte[1 << 20];
            for (var i = 0; i < bytes / zeros.Length; i++)
            {
                deflate.Write(zeros);
            }

            deflate.Flush();
        }

        return output.ToArray();
    }

    private static byte[] Compressed(byte[] payload)
    {
        var frame = RawSocket.Frame(Opcode.Text, payload);
        frame[0] = 0xC1;
        return frame;
    }
}
