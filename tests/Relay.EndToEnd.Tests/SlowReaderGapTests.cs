using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// Clients that read too slowly in namespaces that leave events out (guarantees.md 8): what they get and what they are told are together everything, and what they were
/// told they can fetch.
/// </summary>
public sealed class SlowReaderGapTests(ITestOutputHelper output)
{
    /// <summary>24 MB: several times what kernels keep for a socket that is not read, and the bound.</summary>
    private const int Events = 3000;

    private const int Keys = 7;

    private static readonly string Padding = new('x', 8000);

    [Theory]
    [InlineData("dropOldest", "topics/load")]
    [InlineData("conflate", "topics/load")]
    [InlineData("dropOldest", "topics/*")]
    [InlineData("conflate", "topics/**")]
    public async Task Delivered_and_told_are_everything_in_order_and_what_was_told_can_be_fetched(string policy, string subscribed)
    {
        await using var node = await NodeProcess.StartAsync(("Namespaces:topics:WhenSlow", policy), ("Namespaces:topics:HistoryLength", "10000"));
        await using var publisher = await node.NativeAsync();
        using var slow = await RawSocket.ConnectAsync(node.Port("main"), receiveBuffer: 4096);
        await slow.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1");
        await slow.SendAsync(RawSocket.Text($$"""{"type":"subscribe","channel":"{{subscribed}}","id":"s"}"""));
        await NextAsync(slow, static frame => frame.Text("id") == "s");

        // Its requests go on being read and answered.
        await slow.SendAsync(RawSocket.Text("""{"type":"ping","id":"before"}"""));
        for (var n = 1; n <= Events; n++)
        {
            var name = n % 100 == 0 ? "task.completed" : "load";
            await publisher.SendAsync($$$"""{"type":"publish","channel":"topics/load","event":"{{{name}}}","key":"k{{{n % Keys}}}","data":{"n":{{{n}}},"padding":"{{{Padding}}}"}}""");
        }

        await publisher.AssertAnswersAsync();
        await slow.SendAsync(RawSocket.Text("""{"type":"ping","id":"after"}"""));
        var (missing, pongs, next, epoch) = (new List<(long From, long To)>(), new List<string?>(), 1L, "");
        while (next <= Events || pongs.Count < 2)
        {
            var frame = await NextAsync(slow, static _ => true);
            if (frame.Text("type") == "gap")
            {
                Assert.Equal("topics/load", frame.Text("channel"));
                Assert.Equal(next, frame.Number("from"));
                missing.Add((frame.Number("from"), frame.Number("to")));
                next = frame.Number("to") + 1;
            }
            else if (frame.Text("channel") == "topics/load")
            {
                Assert.Equal(next++, frame.Number("offset"));
                Assert.Equal(frame.Number("offset"), frame.GetProperty("data").Number("n"));
                epoch = frame.Text("epoch")!;
            }
            else if (frame.Text("type") == "pong")
            {
                pongs.Add(frame.Text("id"));
            }
        }

        Assert.Equal(["before", "after"], pongs);
        Assert.NotEmpty(missing);
        output.WriteLine($"{policy} on {subscribed}: {missing.Sum(static gap => gap.To - gap.From + 1)} of {Events} left out, in {missing.Count} gaps");
        foreach (var (from, to) in missing)
        {
            // Final states are left out last, and there was always enough else.
            Assert.True((from - 1) / 100 == to / 100, $"[{from}-{to}] contains a final state");
            for (var at = from - 1; at < to;)
            {
                var page = await publisher.AskAsync($$"""{"type":"history","channel":"topics/load","since":{"epoch":"{{epoch}}","offset":{{at}}},"limit":{{to - at}},"id":"h"}""");
                foreach (var one in page.GetProperty("events").EnumerateArray())
                {
                    Assert.Equal(++at, one.Number("offset"));
                }
            }
        }

        node.AssertNoFailuresInLog();
    }

    private static async Task<JsonElement> NextAsync(RawSocket socket, Func<JsonElement, bool> match)
    {
        while (true)
        {
            var (opcode, payload) = await socket.FrameAsync();
            Assert.NotEqual(Opcode.Close, opcode);
            if (opcode == Opcode.Text && Json.Parse(System.Text.Encoding.UTF8.GetString(payload)) is var frame && match(frame))
            {
                return frame;
            }
        }
    }
}
