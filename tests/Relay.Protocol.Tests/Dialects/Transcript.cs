using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>
/// Plays what a dialect alone decides. A transcript is lines of four kinds:
/// <code>
/// &gt; client frame           decoded
/// = command                what came out, in the words of CommandText
/// ! name                   a server message or an event of the table given
/// &lt; server frame           what the client reads; … stands for any text
/// </code>
/// A refused request is answered as the core would: its frame follows as <c>&lt;</c> or, when there is none, as <c>&lt; nothing</c>.
/// Lines that begin with # are remarks.
/// </summary>
internal static class Transcript
{
    public static void Play(IDialect dialect, string transcript, IReadOnlyDictionary<string, object>? says = null)
    {
        ClientCommand? command = null;
        string? frame = null;
        foreach (var line in transcript.Split('\n').Select(static l => l.TrimEnd('\r')).Where(static l => l.Length > 0 && l[0] != '#'))
        {
            var text = line.Length > 2 ? line[2..] : "";
            switch (line[0])
            {
                case '>':
                    Assert.True(frame is null, $"Nothing expected the frame {frame} before: {line}");
                    command = dialect.Decode(Encoding.UTF8.GetBytes(text), binary: false);
                    frame = command is RejectedCommand rejected ? FrameOf(dialect, Sample.Answer(rejected)) : null;
                    break;
                case '=':
                    Assert.Equal(text, CommandText.Of(command));
                    break;
                case '!':
                    frame = FrameOf(dialect, says?[text]);
                    break;
                case '<':
                    AssertMatches(text, frame ?? "nothing");
                    frame = null;
                    break;
                default:
                    Assert.Fail("No kind of line: " + line);
                    break;
            }
        }

        Assert.True(frame is null or "nothing", "Nothing expected the last frame " + frame);
    }

    private static string FrameOf(IDialect dialect, object? message) => message switch
    {
        Publication publication => Encoding.UTF8.GetString(Sample.Encode(dialect, publication)),
        ServerMessage server when Sample.Encode(dialect, server) is { } bytes => Encoding.UTF8.GetString(bytes),
        _ => "nothing",
    };

    private static void AssertMatches(string expected, string actual)
    {
        var parts = expected.Split('…');
        if (parts.Length == 1)
        {
            Assert.Equal(expected, actual);
            return;
        }

        var at = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            var found = i == 0 ? (actual.StartsWith(parts[0], StringComparison.Ordinal) ? 0 : -1) : actual.IndexOf(parts[i], at, StringComparison.Ordinal);
            Assert.True(found >= 0, $"Expected {expected} but the frame is {actual}");
            at = found + parts[i].Length;
        }

        Assert.True(actual.EndsWith(parts[^1], StringComparison.Ordinal), $"Expected {expected} but the frame is {actual}");
    }
}
