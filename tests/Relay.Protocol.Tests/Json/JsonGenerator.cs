using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>Seeded JSON with everything a tidy writer never sends: odd white space, duplicate keys, extreme numbers, escapes, lone surrogates, any script.</summary>
internal sealed class JsonGenerator(Random random)
{
    private static readonly string[] Spaces = ["", "", "", " ", "\n", "\t ", "\r\n", "   "];

    private static readonly string[] Numbers =
        ["0", "-0", "1", "-1", "1E400", "1e-400", "0.10", "1.0", "123456789012345678901234567890", "1e+05", "-9223372036854775808", "3.141592653589793238"];

    private static readonly string[] Pieces =
        ["a", "id", "é", "日本", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udfff", "\u2028", "\u007f", "</script>", "\\u0000", ",", "{}", "[", "\ufeff"];

    public string Value(int depth = 0) => random.Next(depth > 5 ? 5 : 8) switch
    {
        0 => "null",
        1 => random.Next(2) == 0 ? "true" : "false",
        2 => Numbers[random.Next(Numbers.Length)],
        3 or 4 => Text(),
        5 => Array(depth),
        _ => Object(depth),
    };

    public string Object(int depth = 0) => Container('{', '}', () => Text() + Space() + ":" + Space() + Value(depth + 1));

    public string Text()
    {
        var text = new StringBuilder("\"");
        for (var i = random.Next(5); i > 0; i--)
        {
            text.Append(Pieces[random.Next(Pieces.Length)]);
        }

        return text.Append('"').ToString();
    }

    public string Space() => Spaces[random.Next(Spaces.Length)];

    private string Array(int depth) => Container('[', ']', () => Value(depth + 1));

    private string Container(char open, char close, Func<string> element)
    {
        var text = new StringBuilder().Append(open).Append(Space());
        var count = random.Next(4);
        for (var i = 0; i < count; i++)
        {
            text.Append(i == 0 ? "" : ",").Append(Space()).Append(element()).Append(Space());
        }

        return text.Append(close).ToString();
    }
}
