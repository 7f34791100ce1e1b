using System.Text;
using Relay.Node.Tests.Support;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.WebSockets;

/// <summary>
/// What a client that breaks the rules gets: always the right close code, never a reset that would eat it (reliability.md §1.4, findings 2 and 8).
/// </summary>
public abstract class ProtocolErrorTests(int? eventLoops) : SocketTests(eventLoops)
{
    private static byte[] Zeros { get; } = new byte[4];

    public static TheoryData<string, byte[], int> BadFrames { get; } = new()
    {
        { "reserved bit 2", [0xA1, 0x80, .. Zeros], 1002 },
        { "RSV1 without deflate", [0xC1, 0x80, .. Zeros], 1002 },
        { "reserved opcode 3", [0x83, 0x80, .. Zeros], 1002 },
        { "reserved control opcode 11", [0x8B, 0x80, .. Zeros], 1002 },
        { "ping of 126 bytes", [0x89, 0xFE, 0, 126, .. Zeros, .. new byte[126]], 1002 },
        { "fragmented ping", [0x09, 0x80, .. Zeros], 1002 },
        { "unmasked frame", [0x81, 0x02, (byte)'h', (byte)'i'], 1002 },
        { "continuation of nothing", [0x80, 0x80, .. Zeros], 1002 },
        { "message inside a message", [.. RawClient.Frame(Opcode.Text, "a"u8, final: false), .. RawClient.Text("b")], 1002 },
        { "close frame of one byte", RawClient.Frame(Opcode.Close, [3]), 1002 },
        { "close code 1005", RawClient.Close(1005), 1002 },
        { "length not in its shortest form", [0x81, 0xFE, 0, 5, .. Zeros], 1002 },
        { "length with its top bit set", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, .. Zeros], 1002 },
        { "text that is not UTF-8", RawClient.Frame(Opcode.Text, [0xC3, 0x28]), 1007 },
        { "close reason that is not UTF-8", RawClient.Frame(Opcode.Close, [3, 0xE8, 0xFF]), 1007 },
        { "length 2^63-1, then silence", [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 1009 },
        { "length 2^32, then silence", [0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0], 1009 },
    };

    [Theory]
    [MemberData(nameof(BadFrames))]
    public async Task A_broken_rule_is_answered_with_its_close_code_even_under_a_flood(string what, byte[] bytes, int code)
    {
        Assert.NotEmpty(what);
        await using var node = await StartAsync();
        foreach (var target in (string[])["/echo", "/ws"])
        {
            using var client = await node.OpenAsync(target);

            // What follows the error lies unread in the server's socket when it closes: the cause of a reset.
            byte[] flood = [.. bytes, .. Enumerable.Repeat(RawClient.Text("flood"), 5000).SelectMany(frame => frame)];
            await client.SendUntilRefusedAsync(flood);
            Assert.Equal(code, await client.ReadCloseCodeAsync());
            Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        }

        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    public static TheoryData<string, byte[], int> BadCompressedFrames { get; } = new()
    {
        { "RSV1 on a ping", RawClient.Frame(Opcode.Ping, "x"u8, rsv1: true), 1002 },
        { "RSV1 on a continuation", [.. RawClient.Frame(Opcode.Text, "a"u8, final: false), .. RawClient.Frame(Opcode.Continuation, "b"u8, rsv1: true)], 1002 },
        { "garbage for a deflate stream", RawClient.Frame(Opcode.Text, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF], rsv1: true), 1007 },
        { "deflated text that is not UTF-8", RawClient.Frame(Opcode.Text, Deflater.Compress([0xC3, 0x28]), rsv1: true), 1007 },
        { "a bomb of 64 MiB", RawClient.Frame(Opcode.Binary, Deflater.Compress(new byte[64 * 1024 * 1024]), rsv1: true), 1009 },
    };

    [Theory]
    [MemberData(nameof(BadCompressedFrames))]
    public async Task Compressed_input_is_held_to_the_same_rules(string what, byte[] bytes, int code)
    {
        Assert.NotEmpty(what);
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/echo", "Sec-WebSocket-Extensions: permessage-deflate");
        await client.SendUntilRefusedAsync(bytes);
        Assert.Equal(code, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        client.Dispose();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_compressed_message_arrives_inflated_and_a_shared_compressed_frame_is_readable()
    {
        var text = string.Concat(Enumerable.Repeat("the same words again and again ", 100));
        var shared = FrameWriter.Frame(Opcode.Text, Deflater.Compress(Encoding.UTF8.GetBytes(text)), rsv1: true);
        await using var node = await StartAsync(onOpen: handler => handler.Transport.TrySend(shared));
        for (var subscriber = 0; subscriber < 3; subscriber++)
        {
            using var client = await node.OpenAsync("/relay", "Sec-WebSocket-Extensions: permessage-deflate");
            var handler = await node.Factory.NextAsync();
            Assert.True(handler.Request.Deflate);
            var frame = await client.ReadFrameAsync();
            Assert.True(frame.Compressed);
            await client.SendAsync(RawClient.Frame(Opcode.Text, frame.Payload, rsv1: true));
            Assert.Equal("text:" + text, await handler.NextAsync());
        }
    }

    [Theory]
    [InlineData("/ws", 512)]
    [InlineData("/relay", 65_536)]
    public async Task The_largest_message_is_the_dialects(string target, int limit)
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync(target);
        var handler = await node.Factory.NextAsync();
        await client.SendAsync(RawClient.Frame(Opcode.Binary, new byte[limit]));
        string call;
        while (string.Equals(call = await handler.NextAsync(), "incomplete", StringComparison.Ordinal))
        {
        }

        Assert.Equal($"binary:{limit}", call);
        await client.SendUntilRefusedAsync(RawClient.Frame(Opcode.Binary, new byte[limit + 1]));
        Assert.Equal(1009, await client.ReadCloseCodeAsync());
    }

    [Fact]
    public async Task Endless_empty_fragments_end_with_1008_and_hold_no_memory()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/echo");
        var start = RawClient.Frame(Opcode.Text, [], final: false);
        var empty = RawClient.Frame(Opcode.Continuation, [], final: false);
        await client.SendAsync(start);
        await client.SendUntilRefusedAsync(Enumerable.Repeat(empty, 200_000).SelectMany(frame => frame).ToArray());
        Assert.Equal(1008, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
    }

    [Fact]
    public async Task A_flood_of_pings_whose_pongs_nobody_reads_is_held_back()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/echo");
        var pings = Enumerable.Repeat(RawClient.Frame(Opcode.Ping, new byte[100]), 10_000).SelectMany(frame => frame).ToArray();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var sent = 0;
        try
        {
            for (; sent < 300; sent++)
            {
                await client.SendAsync(pings, limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Held back.
        }

        Assert.InRange(sent, 1, 100);
        client.Reset();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_million_mutated_bytes_crash_nothing_and_leave_nothing()
    {
        await using var node = await StartAsync();
        for (var seed = 1; seed <= 150; seed++)
        {
            var random = new Random(seed);
            var session = Enumerable.Range(0, 40)
                .SelectMany(i => RawClient.Frame((Opcode)(i % 3 == 0 ? 9 : 1), Encoding.ASCII.GetBytes(new string('m', random.Next(300))), final: i % 5 != 0))
                .ToArray();
            for (var flips = random.Next(1, 8); flips > 0; flips--)
            {
                session[random.Next(session.Length)] ^= (byte)(1 << random.Next(8));
            }

            using var client = await node.OpenAsync("/echo", "Sec-WebSocket-Extensions: permessage-deflate");
            await client.SendUntilRefusedAsync(session.AsMemory(0, random.Next(session.Length)));
            if (seed % 3 != 0)
            {
                client.HalfClose();
                await client.ReadToEndAsync();
            }
        }

        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
        using var good = await node.OpenAsync("/echo");
        await good.SendAsync(RawClient.Text("alive"));
        Assert.Equal("alive", await good.ReadTextAsync());
    }
}

public sealed class ProtocolErrorOnEventLoopsTests() : ProtocolErrorTests(OnLoops);

public sealed class ProtocolErrorOnKestrelTests() : ProtocolErrorTests(OnKestrel);
