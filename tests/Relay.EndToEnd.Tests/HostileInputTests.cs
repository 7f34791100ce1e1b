using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// A million hostile messages, frames and handshakes against a living node (reliability.md S18 to S24, S37). RELAY_FUZZ_CASES sets another number,
/// RELAY_FUZZ_SEED another beginning.
/// </summary>
public sealed class HostileInputTests(ITestOutputHelper output)
{
    /// <summary>Messages on one connection, before the broken frame that ends it.</summary>
    private const int Batch = 30;

    /// <summary>One connection in so many only tries a handshake.</summary>
    private const int HandshakeShare = 3;

    private const int Workers = 12;

    private const long MiB = 1 << 20;
    private const long MostGrowth = 200 * MiB;

    private static readonly byte[] Marker = "still there?"u8.ToArray();

    // The answer to the ping that stands behind all messages of a batch: everything before it was read.
    private static readonly byte[] MarkerAnswer = [0x8A, (byte)Marker.Length, .. Marker];

    private static readonly (string Dialect, string Listener, string Target, string Header)[] Doors =
    [
        ("context", "context", "/?agent_id=a", ""),
        ("native", "main", "/relay", ""),
        ("protobuf", "main", "/relay", "Sec-WebSocket-Protocol: relay.v1.protobuf"),
        ("hooks", "hooks", "/", ""),
        ("webui", "main", "/ws", ""),
        ("updates", "main", "/ws?userId=u", ""),
        ("projects", "main", "/ws?project_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8", ""),
    ];

    private static readonly int Cases = Setting("RELAY_FUZZ_CASES", 1_000_000);
    private static readonly int Seed = Setting("RELAY_FUZZ_SEED", 20_260_131);

    [Fact]
    public async Task Hostile_input_on_every_dialect_changes_nothing_for_others_and_leaves_nothing_behind()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var good = await node.NativeAsync();
        await good.SubscribeAsync("projects/good");
        var (sockets, clients) = (node.OpenSockets, await node.ConnectedClientsAsync());

        // What is compiled once and set up once is not what is measured.
        await AttackAsync(node, Seed - 1, 20_000);
        var before = node.ResidentBytes;
        var began = TimeProvider.System.GetTimestamp();
        using var attackEnded = new CancellationTokenSource();
        var bystander = BystandAsync(good, attackEnded.Token);
        var total = await AttackAsync(node, Seed, Cases);
        await attackEnded.CancelAsync();
        var rounds = await bystander;
        var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var grown = node.ResidentBytes - before;
        output.WriteLine(
            $"seed {Seed}: {total.Messages} messages, {total.Frames} broken frames, {total.Handshakes} handshakes on {total.Connections} connections in {seconds:0.0} s; "
            + $"memory grew by {grown / MiB} MiB; the bystander made {rounds} rounds");

        Assert.True(total.Messages + total.Frames + total.Handshakes >= Cases, "fewer cases than asked for");
        Assert.True(total.Unanswered == 0, $"{total.Unanswered} of {total.Connections} connections were ended before their last message was read. Log: {node.Log}");
        Assert.True(rounds > 0, "the bystander got no answer during the attack");
        Assert.True(node.IsAlive, node.Log);
        node.AssertNoFailuresInLog();
        Assert.True(grown < MostGrowth, $"memory grew by {grown / MiB} MiB");
        await Eventually.UntilAsync(async () => await node.ConnectedClientsAsync() == clients, "the gauge is back");

        // The HTTP client of these tests keeps a connection or two of its own.
        await Eventually.Until(() => node.OpenSockets <= sockets + 2);
        Assert.Equal(200, (await node.GetAsync("/ready")).Status);
    }

    /// <summary>Publishes to itself and pings, again and again: every event comes once, in order, and every ping is answered.</summary>
    private static async Task<int> BystandAsync(WsClient good, CancellationToken ended)
    {
        var rounds = 0;
        for (; !ended.IsCancellationRequested; rounds++)
        {
            await good.SendAsync($$"""{"type":"publish","channel":"projects/good","event":"round","data":{{rounds}}}""");
            await good.SendAsync($$"""{"type":"ping","id":"{{rounds}}"}""");
            var heard = await good.NextJsonAsync(static json => json.Text("channel") == "projects/good");
            Assert.Equal(rounds, heard.Number("data"));
            Assert.Equal(rounds + 1, heard.Number("offset"));
            await good.NextJsonAsync(json => json.Text("type") == "pong" && json.Text("id") == rounds.ToString(CultureInfo.InvariantCulture));
        }

        return rounds;
    }

    private static async Task<Tally> AttackAsync(NodeProcess node, int seed, int cases)
    {
        var workers = Enumerable.Range(0, Workers).Select(worker => WorkAsync(node, new FuzzCases(seed + (worker * 1_000_003)), (cases / Workers) + 1)).ToList();
        var total = default(Tally);
        foreach (var worker in workers)
        {
            total = total.Plus(await worker);
        }

        return total;
    }

    private static async Task<Tally> WorkAsync(NodeProcess node, FuzzCases cases, int share)
    {
        // Off the caller's thread: all workers begin at once.
        await Task.Yield();
        var tally = default(Tally);
        var bytes = new ArrayBufferWriter<byte>(32 * 1024);
        var answer = new byte[64 * 1024];
        while (tally.Cases < share)
        {
            bytes.ResetWrittenCount();
            var door = Doors[cases.Next(Doors.Length)];
            tally.Connections++;
            if (cases.Next(HandshakeShare) == 0)
            {
                tally.Handshakes++;
                bytes.Write(cases.Handshake(door.Target));
                await TalkAsync(node, door.Listener, bytes.WrittenMemory, answer);
                continue;
            }

            bytes.Write(Encoding.Latin1.GetBytes(RawSocket.Upgrade(door.Target, door.Header.Length == 0 ? [] : [door.Header])));
            for (var i = 0; i < Batch; i++)
            {
                cases.Message(bytes, door.Dialect);
            }

            FrameWriter.WriteMasked(bytes, Opcode.Ping, Marker, 0x1234_5678);
            bytes.Write(cases.BrokenFrame());
            tally.Messages += Batch;
            tally.Frames++;
            tally.Unanswered += await TalkAsync(node, door.Listener, bytes.WrittenMemory, answer) ? 0 : 1;
        }

        return tally;
    }

    /// <summary>Sends everything, hangs up, reads to the end; true when the marker's answer was among it.</summary>
    private static async Task<bool> TalkAsync(NodeProcess node, string listener, ReadOnlyMemory<byte> bytes, byte[] answer)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var limit = new CancellationTokenSource(WsClient.Bound, TimeProvider.System);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, node.Port(listener)), limit.Token);
        var found = false;
        try
        {
            var sending = SendAsync(socket, bytes, limit.Token);
            var kept = 0;
            int count;
            while ((count = await socket.ReceiveAsync(answer.AsMemory(kept), limit.Token)) > 0)
            {
                var received = answer.AsSpan(0, kept + count);
                found |= received.IndexOf(MarkerAnswer) >= 0;
                kept = Math.Min(received.Length, MarkerAnswer.Length - 1);
                received[^kept..].CopyTo(answer);
            }

            await sending;
        }
        catch (SocketException)
        {
            // A reset is an end as well; what came before it counts.
        }
        catch (OperationCanceledException stuck)
        {
            throw new TimeoutException(
                $"Listener {listener} neither ended nor went on with a connection whose client had hung up (ping answered: {found}). It got: {Unmasked(bytes)}\n--- log\n{node.Log}", stuck);
        }

        return found;
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken limit)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes, limit)..];
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>For a failure's text: the head and the frames that can be read.</summary>
    private static string Unmasked(ReadOnlyMemory<byte> bytes)
    {
        var head = bytes.Span.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return Encoding.Latin1.GetString(bytes.Span);
        }

        var text = new StringBuilder(Encoding.Latin1.GetString(bytes.Span[..head])).AppendLine();
        var rest = new ReadOnlySequence<byte>(bytes[(head + 4)..]);
        using var reader = new FrameReader(FrameLimits.ForMessagesOf(64 * 1024), FrameRole.Server, deflate: false);
        while (reader.Read(ref rest, out var message) == FrameStatus.Message)
        {
            text.Append(message.Kind.ToString()).Append(' ').AppendLine(Encoding.Latin1.GetString(message.Span));
        }

        return text.ToString();
    }

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : usual;

    private record struct Tally(long Messages, long Frames, long Handshakes, long Connections, long Unanswered)
    {
        public readonly long Cases => Messages + Frames + Handshakes;

        public readonly Tally Plus(Tally other) => new(
            Messages + other.Messages, Frames + other.Frames, Handshakes + other.Handshakes, Connections + other.Connections, Unanswered + other.Unanswered);
    }
}
