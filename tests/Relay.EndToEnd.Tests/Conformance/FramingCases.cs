using System.Text;
using Relay.Protocol.WebSockets;
using static Relay.EndToEnd.Tests.Conformance.CaseFrames;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Sections 1 to 5: framing, pings, reserved bits, opcodes, fragmentation.</summary>
internal static class FramingCases
{
    private const string Hello = "Hello, world!";
    private static readonly Expected HelloBack = Back(Hello);

    public static IEnumerable<ConformanceCase> All() => [.. Framing(), .. Pings(), .. ReservedBits(), .. Opcodes(), .. Fragmentation()];

    private static IEnumerable<ConformanceCase> Framing()
    {
        int[] sizes = [0, 125, 126, 127, 128, 65535, 65536, 65536];
        foreach (var (section, opcode) in new[] { (1, Opcode.Text), (2, Opcode.Binary) })
        {
            for (var i = 0; i < sizes.Length; i++)
            {
                var payload = Enumerable.Repeat(opcode == Opcode.Text ? (byte)'*' : (byte)0xFE, sizes[i]).ToArray();
                var frame = Of(opcode, payload);
                var chopped = i == 7;
                yield return Clean($"1.{section}.{i + 1}", $"{opcode.ToString().ToLowerInvariant()} message of {sizes[i]} bytes{(chopped ? " in writes of 997" : "")}", chopped ? Chop(frame, 997) : [frame], [new(opcode, payload)]);
            }
        }
    }

    private static IEnumerable<ConformanceCase> Pings()
    {
        byte[] binary = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF];
        var longest = Enumerable.Repeat((byte)0xFE, 125).ToArray();
        yield return Clean("2.1", "ping without payload", [Ping()], [Pong("")]);
        yield return Clean("2.2", "ping with text", [Ping(Hello)], [Pong(Hello)]);
        yield return Clean("2.3", "ping with bytes that are no text", [Of(Opcode.Ping, binary)], [new(Opcode.Pong, binary)]);
        yield return Clean("2.4", "ping of 125 bytes", [Of(Opcode.Ping, longest)], [new(Opcode.Pong, longest)]);
        yield return Fails("2.5", "ping of 126 bytes", [Of(Opcode.Ping, [.. longest, 0])], []);
        yield return Clean("2.6", "ping of 125 bytes in writes of one", Chop(Of(Opcode.Ping, longest), 1), [new(Opcode.Pong, longest)]);
        yield return Clean("2.7", "pong that nobody asked for, without payload", [Of(Opcode.Pong, [])], []);
        yield return Clean("2.8", "pong that nobody asked for, with payload", [Of(Opcode.Pong, "unasked"u8)], []);
        yield return Clean("2.9", "pong that nobody asked for, then a ping", [Of(Opcode.Pong, "unasked"u8), Ping("asked")], [Pong("asked")]);
        var ten = Enumerable.Range(0, 10).Select(static i => "payload-" + i).ToList();
        yield return Clean("2.10", "ten pings", [.. ten.Select(static text => Ping(text))], [.. ten.Select(Pong)]);
        yield return Clean("2.11", "ten pings in writes of one byte", Chop([.. ten.SelectMany(static text => Ping(text))], 1), [.. ten.Select(Pong)]);
    }

    private static IEnumerable<ConformanceCase> ReservedBits()
    {
        byte[] Reserved(Opcode opcode, int rsv) => Of((int)opcode, opcode == Opcode.Close ? [0x03, 0xE8] : Encoding.UTF8.GetBytes(Hello), rsv: rsv);
        yield return Fails("3.1", "text with RSV3", [Reserved(Opcode.Text, 1)], []);
        yield return Fails("3.2", "text, text with RSV2, ping", [Text(Hello), Reserved(Opcode.Text, 2), Ping()], [HelloBack]);
        yield return Fails("3.3", "the same with RSV2 and RSV3, in one write", [Together(Text(Hello), Reserved(Opcode.Text, 3), Ping())], [HelloBack]);
        yield return Fails("3.4", "the same with RSV1, in writes of one byte", Chop(Together(Text(Hello), Reserved(Opcode.Text, 4), Ping()), 1), [HelloBack]);
        yield return Fails("3.5", "binary with RSV1 and RSV3", [Reserved(Opcode.Binary, 5)], []);
        yield return Fails("3.6", "ping with RSV1 and RSV2", [Reserved(Opcode.Ping, 6)], []);
        yield return Fails("3.7", "close with all reserved bits", [Reserved(Opcode.Close, 7)], []);
    }

    private static IEnumerable<ConformanceCase> Opcodes()
    {
        foreach (var (section, first) in new[] { (1, 3), (2, 11) })
        {
            yield return Fails($"4.{section}.1", $"opcode {first}", [Of(first, [])], []);
            yield return Fails($"4.{section}.2", $"opcode {first + 1} with payload", [Of(first + 1, "reserved opcode"u8)], []);
            yield return Fails($"4.{section}.3", $"text, opcode {first + 2}, ping", [Text(Hello), Of(first + 2, []), Ping()], [HelloBack]);
            yield return Fails($"4.{section}.4", $"text, opcode {first + 3} with payload, ping", [Text(Hello), Of(first + 3, "reserved opcode"u8), Ping()], [HelloBack]);
            yield return Fails($"4.{section}.5", $"text, opcode {first + 4} with payload, ping, in writes of one byte", Chop(Together(Text(Hello), Of(first + 4, "reserved opcode"u8), Ping()), 1), [HelloBack]);
        }
    }

    private static IEnumerable<ConformanceCase> Fragmentation()
    {
        const string One = "fragment1";
        const string Two = "fragment2";
        yield return Fails("5.1", "ping in two frames", [Of(Opcode.Ping, "fragment1"u8, final: false), Continuation(Two, true)], []);
        yield return Fails("5.2", "pong in two frames", [Of(Opcode.Pong, "fragment1"u8, final: false), Continuation(Two, true)], []);
        byte[][] halves = [Text(One, final: false), Continuation(Two, true)];
        byte[][] parted = [Text(One, final: false), Ping("ping"), Continuation(Two, true)];
        foreach (var (offset, how, sent) in Ways(halves))
        {
            yield return Clean($"5.{3 + offset}", "text in two frames" + how, sent, [Back(One + Two)]);
        }

        foreach (var (offset, how, sent) in Ways(parted))
        {
            yield return Clean($"5.{6 + offset}", "text in two frames with a ping between" + how, sent, [Pong("ping"), Back(One + Two)]);
        }

        foreach (var (first, final) in new[] { (9, true), (12, false) })
        {
            foreach (var (offset, how, sent) in Ways([Continuation("non-continuation", final), Text(Hello)]))
            {
                yield return Fails($"5.{first + offset}", $"continuation {(final ? "with" : "without")} FIN of nothing, then text{how}", sent, []);
            }
        }

        yield return Fails("5.15", "text in two frames, continuation without FIN of nothing, text", [.. halves, Continuation(Two, false), Text(Hello)], [Back(One + Two)]);
        yield return Fails("5.16", "twice: continuation without FIN of nothing, text in two frames", [Continuation(One, false), .. halves, Continuation(One, false), .. halves], []);
        yield return Fails("5.17", "twice: continuation with FIN of nothing, text in two frames", [Continuation(One, true), .. halves, Continuation(One, true), .. halves], []);
        yield return Fails("5.18", "text in two frames, both with the opcode of text", [Text(One, final: false), Text(Two)], []);
        byte[][] five = [Text("fragment1", final: false), Continuation("fragment2", false), Ping("pongme 1!"), Continuation("fragment3", false), Continuation("fragment4", false), Ping("pongme 2!"), Continuation("fragment5", true)];
        Expected[] back = [Pong("pongme 1!"), Pong("pongme 2!"), Back("fragment1fragment2fragment3fragment4fragment5")];
        yield return Clean("5.19", "text in five frames with two pings between", five, back);
        yield return Clean("5.20", "the same in one write", [Together(five)], back);
    }

    private static IEnumerable<(int Offset, string How, IReadOnlyList<byte[]> Sent)> Ways(byte[][] frames) =>
        [(0, "", frames), (1, ", in one write", [Together(frames)]), (2, ", in writes of one byte", Chop(Together(frames), 1))];

    internal static Expected Back(string text) => new(Opcode.Text, Encoding.UTF8.GetBytes(text));

    private static Expected Pong(string text) => new(Opcode.Pong, Encoding.UTF8.GetBytes(text));

    internal static ConformanceCase Clean(string number, string what, IReadOnlyList<byte[]> pieces, IReadOnlyList<Expected> answers) => new(number, what, pieces, answers, CaseEnd.Clean);

    internal static ConformanceCase Fails(string number, string what, IReadOnlyList<byte[]> pieces, IReadOnlyList<Expected> answers) =>
        new(number, what, pieces, answers, CaseEnd.Failed) { Codes = [CloseCode.ProtocolError] };
}
