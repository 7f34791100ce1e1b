using System.Buffers;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

public sealed class FrameReaderTests
{
    private static readonly string LongText = string.Concat(Enumerable.Repeat("grüße 🌍 ", 40));

    private static byte[] Conversation => Wire.Join(
        Wire.Text("eins"),
        Wire.Text(string.Empty),
        Wire.Masked(Opcode.Binary, Enumerable.Range(0, 256).Select(i => (byte)i).ToArray()),
        Wire.Masked(Opcode.Ping, "p1"u8),
        Wire.Masked(Opcode.Text, Wire.Utf8("a€").AsSpan(..2), final: false),
        Wire.Masked(Opcode.Ping, []),
        Wire.Masked(Opcode.Continuation, Wire.Utf8("a€").AsSpan(2..3), final: false),
        Wire.Masked(Opcode.Pong, "p2"u8),
        Wire.Masked(Opcode.Continuation, [], final: false),
        Wire.Masked(Opcode.Continuation, Wire.Utf8("a€").AsSpan(3..)),
        Wire.Text(LongText),
        Wire.Masked(Opcode.Text, Deflater.Compress(Wire.Utf8(LongText)), rsv1: true),
        Wire.Close(1000, "tschüß"),
        Wire.Text("swallowed"));

    private static List<string> Expected =>
    [
        "text eins", "text ", $"Binary {Convert.ToHexString(Enumerable.Range(0, 256).Select(i => (byte)i).ToArray())}", "Ping 7031",
        "Ping ", "Pong 7032", "text a€", $"text {LongText}", $"text {LongText}", "close 1000 tschüß",
    ];

    [Fact]
    public void A_conversation_reads_the_same_whole_and_byte_by_byte()
    {
        using var whole = new FrameReader(FrameLimits.Default, deflate: true);
        Assert.Equal(Expected, Wire.Log(whole, Conversation));

        using var bytewise = new FrameReader(FrameLimits.Default, deflate: true);
        Assert.Equal(Expected, Wire.Log(bytewise, Conversation.Select(b => new[] { b }).ToArray()));
    }

    [Fact]
    public void Every_split_position_gives_the_same_messages()
    {
        byte[] bytes = Conversation;
        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            using var reader = new FrameReader(FrameLimits.Default, deflate: true);
            Assert.Equal(Expected, Wire.Log(reader, bytes[..cut], bytes[cut..]));
        }
    }

    [Fact]
    public void Every_segmentation_of_a_sequence_gives_the_same_messages()
    {
        byte[] bytes = Conversation;
        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            using var reader = new FrameReader(FrameLimits.Default, deflate: true);
            ReadOnlySequence<byte> input = Wire.Segments(bytes, cut, cut, Math.Min(bytes.Length, cut + 3));
            var log = new List<string>();
            while (reader.Read(ref input, out WebSocketMessage message) == FrameStatus.Message)
            {
                log.Add(Wire.Describe(message));
            }

            Assert.True(input.IsEmpty);
            Assert.Equal(Expected, log);
        }
    }

    [Fact]
    public void An_error_in_a_sequence_takes_all_input_and_is_reported_once()
    {
        using var reader = new FrameReader(FrameLimits.Default);
        ReadOnlySequence<byte> input = Wire.Segments(Wire.Join(Wire.Text("a"), Wire.Hex("83 80"), Wire.Text("b")), 3, 9, 10);
        Assert.Equal(FrameStatus.Message, reader.Read(ref input, out _));
        Assert.Equal(FrameStatus.ProtocolError, reader.Read(ref input, out _));
        Assert.True(input.IsEmpty);
        Assert.Equal(FrameStatus.Ended, reader.Read(ref input, out _));
    }

    [Fact]
    public void An_idle_reader_holds_no_buffer_and_knows_when_a_message_is_incomplete()
    {
        using var reader = new FrameReader(FrameLimits.Default, deflate: true);
        byte[] bytes = Wire.Join(Wire.Text(LongText), Wire.Masked(Opcode.Ping, "p"u8), Wire.Masked(Opcode.Text, Deflater.Compress(Wire.Utf8(LongText)), rsv1: true));
        Assert.False(reader.IsMessageIncomplete);
        Wire.Log(reader, bytes);
        Assert.False(reader.IsMessageIncomplete);
        Assert.Equal(0, reader.HeldBytes);

        foreach (byte[] part in new[] { Wire.Hex("81"), Wire.Hex("81 83 01"), Wire.Hex("81 83 01 02 03 04"), Wire.Text("a", final: false) })
        {
            using var other = new FrameReader(FrameLimits.Default);
            Assert.Empty(Wire.Log(other, part));
            Assert.True(other.IsMessageIncomplete);
        }
    }

    [Fact]
    public void Reading_single_frame_messages_allocates_nothing()
    {
        using var reader = new FrameReader(FrameLimits.Default, deflate: true);
        byte[] small = Wire.Text("""{"type":"publish","channel":"agents/a","event":"message.new","data":{"n":1}}""");
        byte[] packed = Wire.Masked(Opcode.Text, Deflater.Compress(Wire.Utf8(LongText)), rsv1: true);
        byte[] read = Wire.Join([.. Enumerable.Repeat(small, 32), .. Enumerable.Repeat(packed, 32)]);
        Assert.Equal(64, Count(reader, read));
        long before = GC.GetAllocatedBytesForCurrentThread();
        int count = 0;
        for (int i = 0; i < 100; i++)
        {
            count += Count(reader, read);
        }

        Assert.Equal(6400, count);

        // The least object for each message would be 150 KB. Some are no one's fault: a collection trims the shared pool, and the next array of 16 KB is new.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void Unfinished_text_fails_exactly_when_no_continuation_can_make_it_valid()
    {
        // Every beginning of every scalar value's encoding, as a number with its length in the top byte.
        var beginnings = new HashSet<uint>();
        Span<byte> utf8 = stackalloc byte[4];
        for (int scalar = 0; scalar <= 0x10FFFF; scalar++)
        {
            if (Rune.IsValid(scalar))
            {
                int length = new Rune(scalar).EncodeToUtf8(utf8);
                for (int i = 1; i < Math.Min(length, 4); i++)
                {
                    beginnings.Add(Number(utf8[..i]));
                }
            }
        }

        byte[] followers = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF];
        foreach (byte lead in Enumerable.Range(0x80, 0x80).Select(i => (byte)i))
        {
            AssertPrefix([lead], beginnings);
            foreach (byte second in followers)
            {
                AssertPrefix([lead, second], beginnings);
                foreach (byte third in followers)
                {
                    AssertPrefix([lead, second, third], beginnings);
                }
            }
        }
    }

    [Fact]
    public void Every_pair_of_first_bytes_is_judged_by_the_rules()
    {
        foreach (bool server in new[] { true, false })
        {
            foreach (bool open in new[] { true, false })
            {
                foreach (bool deflate in new[] { true, false })
                {
                    for (int pair = 0; pair <= 0xFFFF; pair++)
                    {
                        AssertPair((byte)(pair >> 8), (byte)pair, server, open, deflate);
                    }
                }
            }
        }
    }

    private static void AssertPair(byte first, byte second, bool server, bool open, bool deflate)
    {
        using var reader = new FrameReader(FrameLimits.Default, server ? FrameRole.Server : FrameRole.Client, deflate);
        if (open)
        {
            byte[] beginning = server ? Wire.Hex("01 80 00 00 00 00") : Wire.Hex("01 00");
            Assert.Equal(FrameStatus.NeedMoreData, reader.Read(beginning, out _, out _));
        }

        FrameStatus status = reader.Read([first, second], out _, out _);
        int opcode = first & 15;
        bool control = opcode is 8 or 9 or 10;
        bool legal = opcode is 0 or 1 or 2 || control;
        legal &= (first & 0x30) == 0;
        legal &= (first & 0x40) == 0 || (deflate && opcode is 1 or 2);
        legal &= !control || (first >= 0x80 && (second & 0x7F) <= 125);
        legal &= opcode != 8 || (second & 0x7F) != 1;
        legal &= control || (opcode == 0) == open;
        legal &= (second >= 0x80) == server;
        Assert.Equal(legal, status != FrameStatus.ProtocolError);
    }

    private static void AssertPrefix(byte[] bytes, HashSet<uint> beginnings)
    {
        // What is left after the last complete character decides.
        int at = 0;
        while (at < bytes.Length && Rune.DecodeFromUtf8(bytes.AsSpan(at), out _, out int used) == OperationStatus.Done)
        {
            at += used;
        }

        bool possible = at == bytes.Length || beginnings.Contains(Number(bytes.AsSpan(at)));
        using var reader = new FrameReader(FrameLimits.Default);
        FrameStatus status = reader.Read(Wire.Masked(Opcode.Text, bytes, final: false), out _, out _);
        Assert.True(possible == (status == FrameStatus.NeedMoreData), Convert.ToHexString(bytes));
    }

    private static uint Number(ReadOnlySpan<byte> bytes)
    {
        uint number = (uint)bytes.Length;
        foreach (byte b in bytes)
        {
            number = (number << 8) | b;
        }

        return number;
    }

    private static int Count(FrameReader reader, ReadOnlySpan<byte> input)
    {
        int count = 0;
        while (reader.Read(input, out int consumed, out _) == FrameStatus.Message)
        {
            input = input[consumed..];
            count++;
        }

        return count;
    }
}
