using Relay.Protocol.WebSockets;
using static Relay.EndToEnd.Tests.Conformance.CaseFrames;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Section 6: text that is UTF-8 and text that is not, after Markus Kuhn's decoder test.</summary>
internal static class Utf8Cases
{
    private static readonly byte[] Kosme = Convert.FromHexString("CEBAE1BDB9CF83CEBCCEB5");
    private static readonly byte[] Long = [.. "Hello-"u8, .. "µ@ßöäüàá"u8, .. "-UTF-8!!"u8];
    private static readonly byte[] Broken = [.. Kosme, 0xED, 0xA0, 0x80, .. "edited"u8];

    // Sequences in hexadecimal by group; the number of the first is 6.5. A group is all valid (+), all invalid (-), or each for itself.
    private static readonly (string What, string[] Sequences)[] Groups =
    [
        ("valid sequences", ["+68656C6C6F24776F726C64", "+68656C6C6FC2A2776F726C64", "+68656C6C6FE282AC776F726C64", "+68656C6C6FF0A4ADA2776F726C64", "+CEBAE1BDB9CF83CEBCCEB5"]),
        ("prefixes of a valid text", [.. Enumerable.Range(1, 11).Select(static length => (length is 2 or 5 or 7 or 9 or 11 ? "+" : "-") + Convert.ToHexString(Kosme[..length]))]),
        ("first sequence of a length", ["+00", "+C280", "+E0A080", "+F0908080"]),
        ("first sequence of five and six bytes", ["-F888808080", "-FC8480808080"]),
        ("last sequence of a length", ["+7F", "+DFBF", "+EFBFBF", "+F48FBFBF"]),
        ("last sequence of four, five and six bytes", ["-F7BFBFBF", "-FBBFBFBFBF", "-FDBFBFBFBFBF"]),
        ("other boundaries", ["+ED9FBF", "+EE8080", "+EFBFBD", "+F48FBFBF", "-F4908080"]),
        ("continuation bytes alone", ["-80", "-BF", "-80BF", "-80BF80", "-80BF80BF", "-80BF80BF80", "-80BF80BF80BF", "-" + Run(0x80, 0xBF, "")]),
        ("first bytes alone", ["-" + Run(0xC0, 0xDF, "20"), "-" + Run(0xE0, 0xEF, "20"), "-" + Run(0xF0, 0xF7, "20"), "-" + Run(0xF8, 0xFB, "20"), "-" + Run(0xFC, 0xFD, "20")]),
        ("last continuation byte missing", ["-C0", "-E080", "-F08080", "-F8808080", "-FC80808080", "-DF", "-EFBF", "-F7BFBF", "-FBBFBFBF", "-FDBFBFBFBF"]),
        ("incomplete sequences in a row", ["-C0E080F08080F8808080FC80808080DFEFBFF7BFBFFBBFBFBFFDBFBFBFBF"]),
        ("impossible bytes", ["-FE", "-FF", "-FEFEFFFF"]),
        ("overlong slash", ["-C0AF", "-E080AF", "-F08080AF", "-F8808080AF", "-FC80808080AF"]),
        ("longest overlong sequences", ["-C1BF", "-E09FBF", "-F08FBFBF", "-F887BFBFBF", "-FC83BFBFBFBF"]),
        ("overlong NUL", ["-C080", "-E08080", "-F0808080", "-F880808080", "-FC8080808080"]),
        ("single surrogates", ["-EDA080", "-EDADBF", "-EDAE80", "-EDAFBF", "-EDB080", "-EDBE80", "-EDBFBF"]),
        ("pairs of surrogates", ["-EDA080EDB080", "-EDA080EDBFBF", "-EDADBFEDB080", "-EDADBFEDBFBF", "-EDAE80EDB080", "-EDAE80EDBFBF", "-EDAFBFEDB080", "-EDAFBFEDBFBF"]),
        ("non-characters, which are valid", ["+EFBFBE", "+EFBFBF", .. NonCharacters()]),
        ("specials", ["+EFBFB9", "+EFBFBA", "+EFBFBB", "+EFBFBC", "+EFBFBD", "+EFBFBE", "+EFBFBF"]),
    ];

    public static IEnumerable<ConformanceCase> All()
    {
        var empty = new Expected(Opcode.Text, []);
        var middle = "middle frame payload"u8.ToArray();
        yield return FramingCases.Clean("6.1.1", "empty text", [Of(Opcode.Text, [])], [empty]);
        yield return FramingCases.Clean("6.1.2", "text in three empty frames", [Of(Opcode.Text, [], false), Of(Opcode.Continuation, [], false), Of(Opcode.Continuation, [])], [empty]);
        yield return FramingCases.Clean("6.1.3", "text in three frames, the first and last empty", [Of(Opcode.Text, [], false), Of(Opcode.Continuation, middle, false), Of(Opcode.Continuation, [])], [new(Opcode.Text, middle)]);
        yield return Valid("6.2.1", "text with characters of two bytes", [Of(Opcode.Text, Long)], Long);
        yield return Valid("6.2.2", "the same in two frames, between characters", Fragments(Opcode.Text, Long, 8), Long);
        yield return Valid("6.2.3", "the same in frames of one byte", Fragments(Opcode.Text, Long, 1), Long);
        yield return Valid("6.2.4", "Greek in frames of one byte", Fragments(Opcode.Text, Kosme, 1), Kosme);
        yield return Invalid("6.3.1", "text with a surrogate", [Of(Opcode.Text, Broken)]);
        yield return Invalid("6.3.2", "the same in frames of one byte", Fragments(Opcode.Text, Broken, 1));

        // What is wrong must be told before the rest comes: nothing more is sent until it has been.
        byte[] tooHigh = [.. Kosme, 0xF4, 0x90, 0x80, 0x80];
        yield return Invalid("6.4.1", "first frame good, second beyond U+10FFFF, the third never sent", [Of(Opcode.Text, Kosme, false), Of(Opcode.Continuation, tooHigh.AsSpan(11), false)]);
        yield return Invalid("6.4.2", "the same, cut behind the byte that is wrong", [Of(Opcode.Text, tooHigh.AsSpan(0, 12), false), Of(Opcode.Continuation, tooHigh.AsSpan(12, 1), false)]);
        yield return Invalid("6.4.3", "one frame, sent as far as the sequence that is wrong", [Of(Opcode.Text, [.. tooHigh, .. Kosme])[..(6 + 15)]]);
        yield return Invalid("6.4.4", "one frame, sent as far as the byte that is wrong", [Of(Opcode.Text, [.. tooHigh, .. Kosme])[..(6 + 13)]]);
        for (var group = 0; group < Groups.Length; group++)
        {
            for (var i = 0; i < Groups[group].Sequences.Length; i++)
            {
                var sequence = Groups[group].Sequences[i];
                var bytes = Convert.FromHexString(sequence[1..]);
                var shown = bytes.Length > 12 ? Convert.ToHexString(bytes[..12]) + "…" : Convert.ToHexString(bytes);
                var (number, what) = ($"6.{group + 5}.{i + 1}", $"{Groups[group].What}: {shown}");
                yield return sequence[0] == '+' ? Valid(number, what, [Of(Opcode.Text, bytes)], bytes) : Invalid(number, what, [Of(Opcode.Text, bytes)]);
            }
        }
    }

    private static string Run(int first, int end, string between) => string.Concat(Enumerable.Range(first, end - first).Select(value => value.ToString("X2") + between));

    private static IEnumerable<string> NonCharacters() =>
        from plane in Enumerable.Range(1, 16)
        from last in new[] { 0xFE, 0xFF }
        select "+" + Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(char.ConvertFromUtf32((plane << 16) | 0xFF00 | last)));

    private static ConformanceCase Valid(string number, string what, IReadOnlyList<byte[]> pieces, byte[] text) => FramingCases.Clean(number, what, pieces, [new(Opcode.Text, text)]);

    private static ConformanceCase Invalid(string number, string what, IReadOnlyList<byte[]> pieces) => new(number, what, pieces, [], CaseEnd.Failed) { Codes = [CloseCode.InvalidPayload] };
}
