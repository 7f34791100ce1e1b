using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>
/// RFC 6455 and RFC 7692, by the numbered cases of the Autobahn test suite: written anew as data, since the suite itself needs Python 2, and played on sockets against a node as it is run in
/// production, on plain sockets and its event loops. docs/conformance.md lists them.
/// </summary>
public sealed class ConformanceTests
{
    private const string BeginMark = "<!-- cases: generated from the tests, do not edit by hand -->";
    private const string EndMark = "<!-- end of cases -->";

    private static readonly ConformanceCase[] Cases = [.. FramingCases.All(), .. Utf8Cases.All(), .. CloseCases.All(), .. SizeCases.All()];

    [Fact]
    public async Task Every_numbered_case_passes()
    {
        await using var node = await NodeProcess.StartAsync(("Testing:Echo", "true"));
        var failed = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(Cases, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (one, _) =>
        {
            if (await ConformanceClient.PlayAsync(node.Port("main"), one) is { } wrong)
            {
                failed.Enqueue($"{one.Number} ({one.What}): {wrong}");
            }
        });
        Assert.True(failed.IsEmpty, $"{failed.Count} of {Cases.Length} failed:\n{string.Join('\n', failed.Order(StringComparer.Ordinal))}");

        // A client that passes everything would pass these as well.
        ConformanceCase[] wrong =
        [
            FramingCases.Clean("echo of another text", "", [CaseFrames.Text("a")], [FramingCases.Back("b")]),
            FramingCases.Fails("failure that must not be", "", [CaseFrames.Text("a")], []),
            FramingCases.Clean("failure that is not expected", "", [CaseFrames.Of(3, [])], []),
            FramingCases.Clean("pong that does not come", "", [], [new(Relay.Protocol.WebSockets.Opcode.Pong, [])]),
            CloseCases.All().First(static one => one.Number == "7.7.13") with { Codes = [4998] },
            SizeCases.All().First(static one => one.Number == "13.4.1") with { Deflate = new DeflateRun("permessage-deflate", 16, 0, 4, IsDeclined: true) },
        ];
        foreach (var one in wrong)
        {
            Assert.NotNull(await ConformanceClient.PlayAsync(node.Port("main"), one));
        }

        node.AssertNoFailuresInLog();
    }

    [Fact]
    public void There_are_as_many_cases_as_in_the_suite()
    {
        Assert.Equal(517, Cases.Length);
        Assert.Equal(Cases.Length, Cases.Select(static one => one.Number).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void The_documented_cases_are_those_of_the_tests()
    {
        var path = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "conformance.md");
        var text = File.ReadAllText(path);
        var begin = text.IndexOf(BeginMark, StringComparison.Ordinal);
        var end = text.IndexOf(EndMark, StringComparison.Ordinal) + EndMark.Length;
        Assert.True(begin >= 0 && end > begin, $"{path} has lost its marks");
        if (Environment.GetEnvironmentVariable("RELAY_UPDATE_DOCS") == "1")
        {
            text = text[..begin] + Markdown() + text[end..];
            File.WriteAllText(path, text);
            end = text.IndexOf(EndMark, StringComparison.Ordinal) + EndMark.Length;
        }

        // Stale? RELAY_UPDATE_DOCS=1 dotnet test tests/Relay.EndToEnd.Tests --filter ConformanceTests writes it anew.
        Assert.Equal(Markdown(), text[begin..end]);
    }

    private static string Markdown()
    {
        var text = new StringBuilder(BeginMark).Append("\n\n| section | cases | declined |\n|---|---|---|\n");
        string[] names = ["", "1 Framing", "2 Pings and pongs", "3 Reserved bits", "4 Opcodes", "5 Fragmentation", "6 UTF-8", "7 Closing", "", "9 Large messages, many frames", "10 Fragmentation by the sender", "", "12 Compression", "13 Compression with parameters"];
        foreach (var section in Cases.GroupBy(static one => int.Parse(one.Section)))
        {
            text.Append($"| {names[section.Key]} | {section.Count()} | {section.Count(static one => one.Deflate is { IsDeclined: true })} |\n");
        }

        text.Append($"| **all** | **{Cases.Length}** | **{Cases.Count(static one => one.Deflate is { IsDeclined: true })}** |\n");
        text.Append("\n| case | what is sent | what must come |\n|---|---|---|\n");
        foreach (var one in Cases)
        {
            text.Append($"| {one.Number} | {one.What} | {one.Outcome} |\n");
        }

        return text.Append('\n').Append(EndMark).ToString();
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
