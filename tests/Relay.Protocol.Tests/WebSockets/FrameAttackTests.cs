using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>What RFC 6455 §5 and RFC 7692 §6 forbid, and inputs that only want memory or time.</summary>
public sealed class FrameAttackTests
{
    private static readonly FrameLimits Small = new() { MaxMessageBytes = 1000, MaxInflatedBytes = 1000, MaxFragments = 8 };

    public static TheoryData<string, string, int> Bad => new()
    {
        { "rsv1 without an extension", "C1 80 00 00 00 00", 1002 },
        { "rsv2", "A1 80 00 00 00 00", 1002 },
        { "rsv3", "91 80 00 00 00 00", 1002 },
        { "all reserved bits", "F1 80 00 00 00 00", 1002 },
        { "opcode 3", "83 80", 1002 },
        { "opcode 7", "87 80", 1002 },
        { "opcode 11", "8B 80", 1002 },
        { "opcode 15", "8F 80", 1002 },
        { "fragmented ping", "09 80", 1002 },
        { "fragmented close", "08 80", 1002 },
        { "ping of 126 bytes", "89 FE", 1002 },
        { "close of 64-bit length", "88 FF", 1002 },
        { "unmasked text of four bytes", "81 02 68 69", 1002 },
        { "unmasked header only", "81 05", 1002 },
        { "unmasked ping", "89 00", 1002 },
        { "continuation first", "80 80", 1002 },
        { "text inside a fragmented text", "01 80 00 00 00 00 81 80", 1002 },
        { "binary inside a fragmented text", "01 80 00 00 00 00 02 80", 1002 },
        { "length 5 in 16 bits", "81 FE 00 05", 1002 },
        { "length 125 in 16 bits", "81 FE 00 7D", 1002 },
        { "length 65535 in 64 bits", "82 FF 00 00 00 00 00 00 FF FF", 1002 },
        { "length with its top bit", "82 FF 80 00 00 00 00 00 00 00", 1002 },
        { "length of all ones", "82 FF FF FF FF FF FF FF FF FF", 1002 },
        { "length 2^63-1, then silence", "82 FF 7F FF FF FF FF FF FF FF", 1009 },
        { "length 2^32", "82 FF 00 00 00 01 00 00 00 00", 1009 },
        { "length 2^31", "82 FF 00 00 00 00 80 00 00 00", 1009 },
        { "length 1001 of 1000", "82 FE 03 E9", 1009 },
        { "close of one byte", "88 81", 1002 },
        { "close 999", "88 82 00 00 00 00 03 E7", 1002 },
        { "close 1004", "88 82 00 00 00 00 03 EC", 1002 },
        { "close 1005", "88 82 00 00 00 00 03 ED", 1002 },
        { "close 1006", "88 82 00 00 00 00 03 EE", 1002 },
        { "close 1015", "88 82 00 00 00 00 03 F7", 1002 },
        { "close 1016", "88 82 00 00 00 00 03 F8", 1002 },
        { "close 2999", "88 82 00 00 00 00 0B B7", 1002 },
        { "close 5000", "88 82 00 00 00 00 13 88", 1002 },
        { "close 65535", "88 82 00 00 00 00 FF FF", 1002 },
        { "close 0", "88 82 00 00 00 00 00 00", 1002 },
        { "close reason that is not UTF-8", "88 84 00 00 00 00 03 E8 C3 28", 1007 },
        { "text that is not UTF-8", "81 82 00 00 00 00 C3 28", 1007 },
        { "text that ends inside a character", "81 81 00 00 00 00 C3", 1007 },
        { "bad byte in an unfinished frame", "81 8A 00 00 00 00 61 FF", 1007 },
        { "surrogate in an unfinished frame", "81 8A 00 00 00 00 ED A0", 1007 },
        { "overlong in an unfinished frame", "81 8A 00 00 00 00 C0", 1007 },
        { "beyond U+10FFFF in an unfinished frame", "81 8A 00 00 00 00 F4 90", 1007 },
        { "bad byte in an unfinished message", "01 81 00 00 00 00 FF", 1007 },
        { "character cut by the end of the message", "01 81 00 00 00 00 C3 80 80 00 00 00 00", 1007 },
    };

    public static TheoryData<string, string, int> BadCompressed => new()
    {
        { "rsv1 on a ping", "C9 80", 1002 },
        { "rsv1 on a close", "C8 80", 1002 },
        { "rsv1 on a continuation", "41 80 00 00 00 00 C0 80", 1002 },
        { "rsv2 with deflate", "A1 80", 1002 },
        { "garbage", "C1 84 00 00 00 00 FF FF FF FF", 1007 },
        { "reserved block type", "C1 81 00 00 00 00 06", 1007 },
        { "stored block with a wrong complement", "C2 86 00 00 00 00 00 05 00 00 00 61", 1007 },
        { "match before the beginning", "C2 83 00 00 00 00 03 02 00", 1007 },
        { "text that inflates to bad UTF-8", "C1 88 00 00 00 00 00 02 00 FD FF C3 28 00", 1007 },
        { "announced beyond what compression can add", "C2 FE 10 00", 1009 },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_input_ends_with_its_code_at_the_last_byte_needed(string what, string hex, int code)
    {
        AssertError(what, Wire.Hex(hex), code, deflate: false);
    }

    [Theory]
    [MemberData(nameof(BadCompressed))]
    public void Bad_compressed_input_ends_with_its_code(string what, string hex, int code)
    {
        AssertError(what, Wire.Hex(hex), code, deflate: true);
    }

    [Theory]
    [InlineData("81 80", true)]
    [InlineData("89 80", true)]
    [InlineData("81 00", false)]
    [InlineData("C1 00", true)]
    public void A_masked_frame_is_refused_by_a_client(string hex, bool refused)
    {
        using var reader = new FrameReader(FrameLimits.Default, FrameRole.Client);
        Assert.Equal(refused ? "error 1002" : "text ", Assert.Single(Wire.Log(reader, Wire.Hex(hex))));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1003)]
    [InlineData(1007)]
    [InlineData(1014)]
    [InlineData(3000)]
    [InlineData(4999)]
    public void A_close_frame_gives_code_and_reason_and_swallows_the_rest(int code)
    {
        using var reader = new FrameReader(FrameLimits.Default);
        Assert.Equal([$"close {code} leb wohl ü"], Wire.Log(reader, Wire.Join(Wire.Close(code, "leb wohl ü"), Wire.Text("late"))));
        Assert.Equal(FrameStatus.Ended, reader.Read(Wire.Text("later"), out int consumed, out _));
        Assert.Equal(Wire.Text("later").Length, consumed);
        Assert.Equal(0, reader.HeldBytes);
        Assert.False(reader.IsMessageIncomplete);
    }

    [Fact]
    public void A_close_frame_without_a_code_reads_as_1005()
    {
        using var reader = new FrameReader(FrameLimits.Default);
        Assert.Equal(["close 1005 "], Wire.Log(reader, Wire.Masked(Opcode.Close, [])));
    }

    [Fact]
    public void An_error_is_reported_once_and_frees_everything()
    {
        using var reader = new FrameReader(Small);
        Assert.Equal(["text ok", "error 1002"], Wire.Log(reader, Wire.Join(Wire.Text("ok"), Wire.Text("abc", final: false), Wire.Hex("83 80"), Wire.Text("after"))));
        Assert.Equal(FrameStatus.Ended, reader.Read(Wire.Text("x"), out _, out _));
        Assert.Equal(0, reader.HeldBytes);
        Assert.Equal(CloseCode.ProtocolError, reader.Error.Code);
        Assert.InRange(reader.Error.Reason.Length, 1, FrameWriter.MaxCloseReason);
    }

    [Fact]
    public void The_limit_counts_all_fragments_and_itself_is_allowed()
    {
        using var exact = new FrameReader(Small);
        byte[] half = new byte[500];
        Assert.Single(Wire.Log(exact, Wire.Masked(Opcode.Binary, half, final: false), Wire.Masked(Opcode.Continuation, half)), log => log.StartsWith("Binary", StringComparison.Ordinal));

        using var over = new FrameReader(Small);
        Assert.Empty(Wire.Log(over, Wire.Masked(Opcode.Binary, half, final: false)));
        Assert.Equal(["error 1009"], Wire.Log(over, Wire.Hex("80 FE 01 F5")));
    }

    [Fact]
    public void Empty_continuations_are_counted_and_stop_with_1008()
    {
        using var reader = new FrameReader(Small);
        Assert.Empty(Wire.Log(reader, Wire.Text(string.Empty, final: false)));
        for (int i = 1; i < Small.MaxFragments; i++)
        {
            Assert.Empty(Wire.Log(reader, Wire.Continuation(string.Empty, final: false)));
            Assert.Equal(0, reader.HeldBytes);
        }

        Assert.Equal(["error 1008"], Wire.Log(reader, Wire.Continuation(string.Empty, final: false)));
    }

    [Fact]
    public void The_fragment_count_starts_again_with_each_message()
    {
        using var reader = new FrameReader(Small);
        for (int message = 0; message < 5; message++)
        {
            for (int i = 1; i < Small.MaxFragments; i++)
            {
                Assert.Empty(Wire.Log(reader, Wire.Masked(i == 1 ? Opcode.Text : Opcode.Continuation, "a"u8, final: false)));
            }

            Assert.Equal(["text aaaaaaab"], Wire.Log(reader, Wire.Continuation("b")));
        }
    }

    [Fact]
    public void A_hundred_thousand_one_byte_fragments_hold_one_bounded_buffer()
    {
        using var reader = new FrameReader(FrameLimits.Default with { MaxFragments = int.MaxValue });
        var log = new List<string>();
        byte[] piece = Wire.Masked(Opcode.Continuation, "x"u8, final: false);
        Wire.Feed(reader, Wire.Text("x", final: false), log);
        for (int i = 1; i < FrameLimits.Default.MaxMessageBytes; i++)
        {
            Wire.Feed(reader, piece, log);
            Assert.InRange(reader.HeldBytes, i, Math.Max(1024, i * 3));
        }

        Assert.Empty(log);
        Assert.True(reader.IsMessageIncomplete);
        Wire.Feed(reader, piece, log);
        Assert.Equal(["error 1009"], log);
    }

    [Fact]
    public void An_announced_length_allocates_nothing()
    {
        using var reader = new FrameReader(FrameLimits.ForMessagesOf(16 * 1024 * 1024));
        Assert.Empty(Wire.Log(reader, Wire.Hex("82 FF 00 00 00 00 00 FF FF FF 01 02 03 04")));
        Assert.Equal(0, reader.HeldBytes);
        Assert.True(reader.IsMessageIncomplete);
        Assert.Empty(Wire.Log(reader, new byte[10]));
        Assert.InRange(reader.HeldBytes, 10, 4096);
    }

    [Fact]
    public void Three_hundred_thousand_pings_are_read_without_holding_anything()
    {
        using var reader = new FrameReader(FrameLimits.Default);
        byte[] pings = Wire.Join(Enumerable.Repeat(Wire.Masked(Opcode.Ping, "p"u8), 1000).ToArray());
        int count = 0;
        for (int round = 0; round < 300; round++)
        {
            ReadOnlySpan<byte> rest = pings;
            while (reader.Read(rest, out int consumed, out WebSocketMessage message) == FrameStatus.Message)
            {
                Assert.Equal(MessageKind.Ping, message.Kind);
                rest = rest[consumed..];
                count++;
            }
        }

        Assert.Equal(300_000, count);
        Assert.Equal(0, reader.HeldBytes);
    }

    private static void AssertError(string what, byte[] input, int code, bool deflate)
    {
        using var whole = new FrameReader(Small, FrameRole.Server, deflate);
        Assert.Equal([$"error {code}"], Wire.Log(whole, input));

        // One byte less is not wrong yet: the verdict comes with the byte that decides it and not later.
        using var shorter = new FrameReader(Small, FrameRole.Server, deflate);
        List<string> before = Wire.Log(shorter, input[..^1]);
        bool decidedEarlier = what is "all reserved bits" or "rsv1 without an extension" or "rsv2" or "rsv3" or "unmasked text of four bytes"
            or "length with its top bit" or "length of all ones";
        Assert.True(before.Count == 0 || decidedEarlier, what);
        Assert.Equal(before.Count == 0, shorter.IsMessageIncomplete);

        using var bytewise = new FrameReader(Small, FrameRole.Server, deflate);
        Assert.Equal([$"error {code}"], Wire.Log(bytewise, input.Select(b => new[] { b }).ToArray()));
    }
}
