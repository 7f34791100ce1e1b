using System.Buffers;
using System.Net.WebSockets;
using System.Text.Unicode;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>
/// Mutated frames from valid seeds. For every case: no exception, no buffer beyond the limits, valid output, and the same
/// verdict whole, cut at random and as a sequence. A part of the cases is compared with the platform's own WebSocket.
/// RELAY_FUZZ_CASES raises the number of cases; a failure names its case, and the same number fails again.
/// </summary>
public sealed class FrameFuzzTests
{
    private static readonly FrameLimits Limits = new() { MaxMessageBytes = 1024, MaxInflatedBytes = 2048, MaxFragments = 12 };

    // Data (doubling from at most limit + slack), control and inflated, each rounded up by the pool.
    private const int MostHeld = 4096 + 128 + 1024 + 4096;

    private static readonly byte[][] Seeds = MakeSeeds();

    private static int Cases => int.TryParse(Environment.GetEnvironmentVariable("RELAY_FUZZ_CASES"), out int cases) ? Math.Max(cases, 300_000) : 300_000;

    [Fact]
    public void Mutated_frames_never_break_the_reader()
    {
        var verdicts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int number = 0; number < Cases; number++)
        {
            var random = new Random(number);
            byte[] input = Mutate(random);
            bool deflate = (number & 1) == 0;
            List<Event> whole = Whole(input, deflate);
            List<Event> cut = Cut(input, deflate, random);
            List<Event> segments = InSegments(input, deflate, random);
            if (!whole.SequenceEqual(cut) || !whole.SequenceEqual(segments))
            {
                Assert.Fail($"case {number}: verdicts differ for {Convert.ToHexString(input)}: {string.Join(' ', whole)} / {string.Join(' ', cut)} / {string.Join(' ', segments)}");
            }

            string verdict = whole.Count > 0 && whole[^1].Code != 0 ? $"{whole[^1].Kind}{whole[^1].Code}" : "open";
            verdicts[verdict] = verdicts.GetValueOrDefault(verdict) + 1;
        }

        // The mutations reach all kinds of verdicts; without this the test could pass on inputs that never get past the header.
        foreach (string expected in new[] { "open", "-1002", "-1007", "-1008", "-1009", "Close1000", "Close1005" })
        {
            Assert.True(verdicts.GetValueOrDefault(expected) >= 20, $"{expected}: {verdicts.GetValueOrDefault(expected)}");
        }
    }

    [Fact]
    public async Task The_platform_accepts_the_same_messages()
    {
        int compared = 0;
        int refused = 0;
        for (int number = 0; number < Cases / 15; number++)
        {
            byte[] input = Mutate(new Random(number));
            List<Event> ours = Whole(input, deflate: false);
            List<Event> messages = ours.Where(e => e.Kind is "Text" or "Binary").ToList();
            bool error = ours.Exists(e => e.Kind is "-");
            (List<Event> theirs, bool theirError) = await ByPlatform(input);
            string context = $"case {number}: {Convert.ToHexString(input)}: {string.Join(' ', ours)} / {string.Join(' ', theirs)}";
            if (error)
            {
                // Ours stops at limits and forms the platform tolerates, and earlier in text; never later.
                refused++;
                Assert.True(messages.Count <= theirs.Count || theirError, context);
                Assert.True(theirs.Take(messages.Count).SequenceEqual(messages.Take(theirs.Count)), context);
                Assert.True(messages.Count <= theirs.Count, context);
            }
            else
            {
                compared += messages.Count;
                Assert.False(theirError, context);
                Assert.True(theirs.SequenceEqual(messages), context);
            }
        }

        Assert.True(compared > 1000 && refused > 1000, $"{compared} compared, {refused} refused");
    }

    private static List<Event> Whole(byte[] input, bool deflate)
    {
        using var reader = new FrameReader(Limits, FrameRole.Server, deflate);
        var events = new List<Event>();
        Feed(reader, input, events);
        return events;
    }

    private static List<Event> Cut(byte[] input, bool deflate, Random random)
    {
        using var reader = new FrameReader(Limits, FrameRole.Server, deflate);
        var events = new List<Event>();
        int longest = random.Next(1, 40);
        for (int at = 0; at < input.Length;)
        {
            int count = Math.Min(random.Next(1, longest + 1), input.Length - at);
            Feed(reader, input.AsSpan(at, count), events);
            at += count;
        }

        return events;
    }

    private static List<Event> InSegments(byte[] input, bool deflate, Random random)
    {
        using var reader = new FrameReader(Limits, FrameRole.Server, deflate);
        var events = new List<Event>();
        int[] cuts = [random.Next(input.Length + 1), random.Next(input.Length + 1)];
        Array.Sort(cuts);
        ReadOnlySequence<byte> sequence = Wire.Segments(input, cuts);
        while (true)
        {
            FrameStatus status = reader.Read(ref sequence, out WebSocketMessage message);
            if (!Note(reader, status, message, events))
            {
                Assert.True(sequence.IsEmpty);
                return events;
            }
        }
    }

    private static void Feed(FrameReader reader, ReadOnlySpan<byte> input, List<Event> events)
    {
        while (true)
        {
            FrameStatus status = reader.Read(input, out int consumed, out WebSocketMessage message);
            input = input[consumed..];
            if (!Note(reader, status, message, events))
            {
                Assert.True(input.IsEmpty);
                return;
            }
        }
    }

    private static bool Note(FrameReader reader, FrameStatus status, WebSocketMessage message, List<Event> events)
    {
        Assert.InRange(reader.HeldBytes, 0, MostHeld);
        if (status == FrameStatus.Message)
        {
            bool data = message.Kind is MessageKind.Text or MessageKind.Binary;
            Assert.InRange(message.Payload.Length, 0, data ? Limits.MaxInflatedBytes : 125);
            Assert.True(message.Kind is not (MessageKind.Text or MessageKind.Close) || Utf8.IsValid(message.Span));
            Assert.True(message.Kind != MessageKind.Close || message.CloseCode == 1005 || CloseCode.IsValidOnWire(message.CloseCode));
            events.Add(new Event(message.Kind.ToString(), message.CloseCode, Hash(message.Span)));
            return true;
        }

        if (status == FrameStatus.ProtocolError)
        {
            events.Add(new Event("-", reader.Error.Code, 0));
        }

        if (!reader.IsMessageIncomplete)
        {
            Assert.Equal(0, status == FrameStatus.Ended || status == FrameStatus.NeedMoreData ? reader.HeldBytes : 0);
        }

        return false;
    }

    private static int Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private static async Task<(List<Event> Messages, bool Error)> ByPlatform(byte[] input)
    {
        using var socket = WebSocket.CreateFromStream(new OneWayStream(input), new WebSocketCreationOptions { IsServer = true });
        var messages = new List<Event>();
        var buffer = new byte[65536];
        int length = 0;
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                length += result.Count;
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    return (messages, false);
                }

                if (result.EndOfMessage)
                {
                    messages.Add(new Event(result.MessageType.ToString(), 0, Hash(buffer.AsSpan(0, length))));
                    length = 0;
                }
            }
        }
        catch (WebSocketException e)
        {
            return (messages, e.WebSocketErrorCode != WebSocketError.ConnectionClosedPrematurely);
        }
    }

    private static byte[] Mutate(Random random)
    {
        List<byte> bytes = [.. Seeds[random.Next(Seeds.Length)]];
        if (random.Next(3) == 0)
        {
            bytes.AddRange(Seeds[random.Next(Seeds.Length)]);
        }

        for (int steps = random.Next(0, 4); steps > 0 && bytes.Count > 0; steps--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 8), bytes.Count - at));
                    break;
                case 4:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 5:
                    bytes.AddRange(bytes.GetRange(at, Math.Min(random.Next(1, 60), bytes.Count - at)));
                    break;
                case 6:
                    bytes[Math.Min(1, bytes.Count - 1)] = (byte)(0x80 | random.Next(124, 128));
                    break;
                default:
                    bytes.InsertRange(at, Seeds[random.Next(Seeds.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[][] MakeSeeds()
    {
        byte[] prose = DeflateMessageTests.Prose(700);
        return
        [
            Wire.Text("Hello"),
            Wire.Text("grüße 🌍"),
            Wire.Masked(Opcode.Binary, DeflateMessageTests.Noise(40)),
            Wire.Masked(Opcode.Binary, DeflateMessageTests.Noise(300)),
            Wire.Masked(Opcode.Binary, DeflateMessageTests.Noise(1024)),
            Wire.Masked(Opcode.Ping, "ping"u8),
            Wire.Masked(Opcode.Pong, []),
            Wire.Close(1000, "bye"),
            Wire.Close(4000, "Ping timeout"),
            Wire.Masked(Opcode.Close, []),
            Wire.Join(Wire.Text("frag", final: false), Wire.Masked(Opcode.Ping, "x"u8), Wire.Continuation("men", final: false), Wire.Continuation("ted")),
            Wire.Join(Wire.Masked(Opcode.Text, Wire.Utf8("€").AsSpan(..1), final: false), Wire.Masked(Opcode.Continuation, Wire.Utf8("€").AsSpan(1..))),
            Wire.Join([Wire.Text("a", final: false), .. Enumerable.Repeat(Wire.Continuation(string.Empty, final: false), 10), Wire.Continuation("z")]),
            Wire.Join([Wire.Text("a", final: false), .. Enumerable.Repeat(Wire.Continuation("b", final: false), 12)]),
            Wire.Join([.. Enumerable.Repeat(Wire.Masked(Opcode.Continuation, "ab"u8, final: false), 6)]),
            Wire.Join(Wire.Masked(Opcode.Binary, DeflateMessageTests.Noise(600), final: false), Wire.Masked(Opcode.Continuation, DeflateMessageTests.Noise(424))),
            Wire.Masked(Opcode.Text, Deflater.Compress("Hello"u8), rsv1: true),
            Wire.Masked(Opcode.Binary, Deflater.Compress(prose), rsv1: true),
            Wire.Masked(Opcode.Binary, Deflater.Compress(new byte[2048]), rsv1: true),
            Wire.Masked(Opcode.Binary, Deflater.Compress(new byte[2049]), rsv1: true),
            Wire.Join(Wire.Masked(Opcode.Text, Wire.Hex("f2 48 cd"), final: false, rsv1: true), Wire.Masked(Opcode.Continuation, Wire.Hex("c9 c9 07 00"))),
            Wire.Hex("82 FF 00 00 00 00 00 01 00 00 01 02 03 04"),
            Wire.Hex("82 FF 7F FF FF FF FF FF FF FF 01 02 03 04"),
            Wire.Hex("81 02 68 69"),
        ];
    }

    private readonly record struct Event(string Kind, int Code, int Hash);
}
