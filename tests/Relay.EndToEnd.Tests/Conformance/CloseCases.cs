using System.Text;
using Relay.Protocol.WebSockets;
using static Relay.EndToEnd.Tests.Conformance.CaseFrames;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Section 7: closing.</summary>
internal static class CloseCases
{
    private static readonly int[] ValidCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    private static readonly int[] InvalidCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

    public static IEnumerable<ConformanceCase> All()
    {
        const string Hello = "Hello World!";
        var back = FramingCases.Back(Hello);
        yield return FramingCases.Clean("7.1.1", "text, then close", [Text(Hello)], [back]);
        yield return Answered("7.1.2", "two close frames", [Close(1000), Close(1000)], 1000);
        yield return Answered("7.1.3", "close, then a ping", [Close(1000), Ping()], 1000);
        yield return Answered("7.1.4", "close, then text", [Close(1000), Text(Hello)], 1000);
        yield return Answered("7.1.5", "first frame of a text, close, last frame", [Text(Hello, final: false), Close(1000), Continuation(Hello, true)], 1000);
        var large = Enumerable.Repeat((byte)'*', 256 * 1024).ToArray();
        yield return Answered("7.1.6", "text of 256 KiB, close, ping", [Of(Opcode.Text, large), Close(1000), Ping()], 1000) with { Answers = [new(Opcode.Text, large)] };
        yield return Answered("7.3.1", "close without payload", [Of(Opcode.Close, [])], 1000, CloseCode.NoStatus);
        yield return FramingCases.Fails("7.3.2", "close with a payload of one byte", [Of(Opcode.Close, "a"u8)], []);
        yield return Answered("7.3.3", "close with a code", [Close(1000)], 1000);
        yield return Answered("7.3.4", "close with a code and a reason", [Close(1000, Hello)], 1000);
        yield return Answered("7.3.5", "close with the longest reason", [Close(1000, new string('*', 123))], 1000);
        yield return FramingCases.Fails("7.3.6", "close with a reason of 124 bytes", [Close(1000, new string('*', 124))], []);
        yield return new ConformanceCase("7.5.1", "close whose reason is not UTF-8", [Of(Opcode.Close, [0x03, 0xE8, .. Convert.FromHexString("CEBAE1BDB9CF83CEBCCEB5EDA080"), .. Encoding.UTF8.GetBytes("edited")])], [], CaseEnd.Failed) { Codes = [1007, 1002] };
        for (var i = 0; i < ValidCodes.Length; i++)
        {
            yield return Answered($"7.7.{i + 1}", $"close with {ValidCodes[i]}", [Close(ValidCodes[i])], 1000, ValidCodes[i]);
        }

        for (var i = 0; i < InvalidCodes.Length; i++)
        {
            yield return FramingCases.Fails($"7.9.{i + 1}", $"close with {InvalidCodes[i]}, which must not be sent", [Close(InvalidCodes[i])], []);
        }

        yield return FramingCases.Fails("7.13.1", "close with 5000, which nobody has defined", [Close(5000)], []);
        yield return FramingCases.Fails("7.13.2", "close with 65535, the last there is", [Close(65535)], []);
    }

    private static ConformanceCase Answered(string number, string what, IReadOnlyList<byte[]> pieces, params int[] codes) => new(number, what, pieces, [], CaseEnd.Answered) { Codes = codes };
}
