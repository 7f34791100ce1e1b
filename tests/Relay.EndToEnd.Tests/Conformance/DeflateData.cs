using System.Text;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>What the compressed cases send: made here from fixed seeds, since the suite's own files are not ours to ship.</summary>
internal static class DeflateData
{
    private const int Length = 256 * 1024;

    private static readonly Lazy<byte[]>[] All =
    [
        new(static () => [.. Enumerable.Repeat(new Random(1), Length).Select(static random => (byte)('a' + random.Next(26)))]),
        new(static () =>
        {
            var bytes = new byte[Length];
            new Random(2).NextBytes(bytes);
            return bytes;
        }),
        new(static () => Repeat("Habe nun, ach! Philosophie, Juristerei und Medizin\n", static (line, _) => line)),
        new(static () => Repeat("{\"id\":%,\"name\":\"user %\",\"tags\":[\"a\",\"b\"],\"score\":%.5},", static (line, i) => line.Replace("%", i.ToString(), StringComparison.Ordinal))),
        new(static () => Repeat("<tr class=\"row\"><td>%</td><td><a href=\"/item/%\">item</a></td></tr>\n", static (line, i) => line.Replace("%", i.ToString(), StringComparison.Ordinal))),
    ];

    public static byte[] Of(int number) => All[number - 1].Value;

    public static bool IsText(int number) => number > 3;

    private static byte[] Repeat(string line, Func<string, int, string> fill)
    {
        var text = new StringBuilder();
        for (var i = 0; text.Length < Length; i++)
        {
            text.Append(fill(line, i));
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, Length));
    }
}
