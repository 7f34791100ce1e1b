using Relay.Protocol.WebSockets;
using Relay.Testing;
using static Relay.EndToEnd.Tests.Conformance.CaseFrames;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>
/// Sections 9 (large messages, many frames, many messages), 10 (a message in frames of 1,300 bytes), 12 and 13 (compression). At their real size in long runs; otherwise messages of 9.1 to 9.6 are a
/// sixteenth, and 9.7 to 13 exchange two messages in place of a thousand.
/// </summary>
internal static class SizeCases
{
    private const int Kilo = 1024;
    private const int Mega = 1024 * 1024;
    private const string Offer = "permessage-deflate; client_no_context_takeover; client_max_window_bits";

    private static readonly int Divisor = TestLength.IsLong ? 1 : 16;

    /// <summary>Messages of each case of 9.7 to 13.</summary>
    public static readonly int Rounds = TestLength.Of(2, 1000);

    private static readonly (int Size, int Fragment)[] DeflateSizes =
    [
        (16, 0), (64, 0), (256, 0), (Kilo, 0), (4 * Kilo, 0), (8 * Kilo, 0), (16 * Kilo, 0), (32 * Kilo, 0), (64 * Kilo, 0), (128 * Kilo, 0),
        (8 * Kilo, 256), (16 * Kilo, 256), (32 * Kilo, 256), (64 * Kilo, 256), (128 * Kilo, 256), (128 * Kilo, Kilo), (128 * Kilo, 4 * Kilo), (128 * Kilo, 32 * Kilo),
    ];

    private static readonly (string Parameters, bool IsDeclined)[] Offers =
    [
        ("", false),
        ("; server_no_context_takeover", false),
        ("; server_max_window_bits=8", true),
        ("; server_max_window_bits=15", false),
        ("; server_no_context_takeover; server_max_window_bits=8", true),
        ("; server_no_context_takeover; server_max_window_bits=15", false),
        ("…, then easier offers", false),
    ];

    private static readonly string[] DataNames = ["random letters", "random bytes", "a repeated line", "JSON", "HTML"];

    public static IEnumerable<ConformanceCase> All()
    {
        int[] sizes = [64 * Kilo, 256 * Kilo, Mega, 4 * Mega, 8 * Mega, 16 * Mega];
        int[] fragments = [64, 256, Kilo, 4 * Kilo, 16 * Kilo, 64 * Kilo, 256 * Kilo, Mega, 4 * Mega];
        int[] chops = [64, 128, 256, 512, Kilo, 2 * Kilo];
        int[] trips = [0, 16, 64, 256, Kilo, 4 * Kilo];
        foreach (var (offset, opcode) in new[] { (0, Opcode.Text), (1, Opcode.Binary) })
        {
            var kind = opcode.ToString().ToLowerInvariant();
            for (var i = 0; i < sizes.Length; i++)
            {
                var message = Message(opcode, sizes[i] / Divisor);
                yield return Echo($"9.{1 + offset}.{i + 1}", $"{kind} of {Size(sizes[i])}", [Of(opcode, message)], opcode, message);
            }

            for (var i = 0; i < fragments.Length; i++)
            {
                var message = Message(opcode, 4 * Mega / Divisor);
                yield return Echo($"9.{3 + offset}.{i + 1}", $"{kind} of 4 MiB in frames of {Size(fragments[i])}", Fragments(opcode, message, fragments[i]), opcode, message);
            }

            for (var i = 0; i < chops.Length; i++)
            {
                var message = Message(opcode, Mega / Divisor);
                yield return Echo($"9.{5 + offset}.{i + 1}", $"{kind} of 1 MiB in writes of {chops[i]} bytes", Chop(Of(opcode, message), chops[i]), opcode, message);
            }

            for (var i = 0; i < trips.Length; i++)
            {
                var message = Message(opcode, trips[i]);
                yield return FramingCases.Clean(
                    $"9.{7 + offset}.{i + 1}", $"many {kind} messages of {trips[i]} bytes", [.. Enumerable.Repeat(Of(opcode, message), Rounds)], [.. Enumerable.Repeat(new Expected(opcode, message), Rounds)]);
            }
        }

        var fragmented = Message(Opcode.Text, 64 * Kilo);
        yield return Echo("10.1.1", "text of 64 KiB in frames of 1,300 bytes", Fragments(Opcode.Text, fragmented, 1300), Opcode.Text, fragmented);
        for (var data = 1; data <= DataNames.Length; data++)
        {
            foreach (var one in Deflates($"12.{data}", $"compressed, {DataNames[data - 1]}", Offer, data, false))
            {
                yield return one;
            }
        }

        for (var i = 0; i < Offers.Length; i++)
        {
            var (parameters, declined) = Offers[i];
            var offer = i < 6 ? Offer + parameters : $"{Offer}{Offers[4].Parameters}, {Offer}{Offers[1].Parameters}, {Offer}";
            foreach (var one in Deflates($"13.{i + 1}", $"compressed, JSON, offered{(parameters.Length == 0 ? " without parameters of the server" : parameters)}", offer, 4, declined))
            {
                yield return one;
            }
        }
    }

    private static IEnumerable<ConformanceCase> Deflates(string number, string what, string offer, int data, bool declined) => DeflateSizes.Select((size, i) =>
        new ConformanceCase($"{number}.{i + 1}", $"{what}: {Size(size.Size)}{(size.Fragment > 0 ? $" in frames of {Size(size.Fragment)}" : "")}", [], [], CaseEnd.Clean)
        {
            Deflate = new DeflateRun(offer, size.Size, size.Fragment, data, declined),
        });

    private static ConformanceCase Echo(string number, string what, IReadOnlyList<byte[]> pieces, Opcode opcode, byte[] message) => FramingCases.Clean(number, what, pieces, [new(opcode, message)]);

    private static byte[] Message(Opcode opcode, int size)
    {
        var message = new byte[size];
        message.AsSpan().Fill(opcode == Opcode.Text ? (byte)'*' : (byte)0xFE);
        return message;
    }

    private static string Size(int bytes) => bytes >= Mega ? $"{bytes / Mega} MiB" : bytes >= Kilo ? $"{bytes / Kilo} KiB" : $"{bytes} bytes";
}
