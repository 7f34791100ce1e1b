using System.Text;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Tests;

/// <summary>The way out of one connection. The pump runs where the test lets it: see <see cref="TurnContext"/>.</summary>
public sealed class OutboundTests : IDisposable
{
    private readonly TurnContext _turns = new();
    private readonly SynchronizationContext? _before = SynchronizationContext.Current;
    private readonly FakeTransport _transport = new();

    public OutboundTests() => SynchronizationContext.SetSynchronizationContext(_turns);

    public void Dispose() => SynchronizationContext.SetSynchronizationContext(_before);

    [Fact]
    public void An_open_socket_gets_the_bytes_at_once_and_nothing_is_queued()
    {
        var outbound = New();
        Assert.True(outbound.SendCopy("abc"u8));
        Assert.Equal("abc", Sent());
        Assert.Equal(0, outbound.UnsentBytes);
        Assert.True(_turns.IsIdle);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(9)]
    public void What_does_not_fit_follows_in_order_when_there_is_room(int room)
    {
        _transport.Room = room;
        var outbound = New();
        Assert.True(outbound.SendCopy("first"u8));
        Assert.True(outbound.SendCopy("second"u8));
        Assert.Equal(11 - room, outbound.UnsentBytes);
        Assert.Equal("firstsecond"[..room], Sent());
        Run();
        _transport.Open();
        Run();
        Assert.Equal("firstsecond", Sent());
        Assert.Equal(0, outbound.UnsentBytes);
        Assert.True(outbound.SendCopy("third"u8));
        Assert.Equal("firstsecondthird", Sent());
        Assert.Equal(0, _transport.Overlaps);
    }

    [Fact]
    public void While_the_pump_runs_nobody_overtakes_it()
    {
        _transport.Room = 0;
        var outbound = New();
        outbound.SendCopy("1"u8);
        Run();
        _transport.Room = 1;
        outbound.SendCopy("2"u8);
        Assert.Equal("", Sent());
        _transport.Open();
        Run();
        Assert.Equal("12", Sent());
    }

    [Fact]
    public void Small_frames_that_wait_share_an_array_and_large_ones_stand_alone()
    {
        _transport.Room = 0;
        var outbound = New();
        var expected = new StringBuilder();
        var random = new Random(3);
        for (var i = 0; i < 400; i++)
        {
            var frame = new string((char)('a' + (i % 26)), random.Next(10) == 0 ? random.Next(4000, 9000) : random.Next(1, 60));
            expected.Append(frame);
            outbound.SendCopy(Encoding.ASCII.GetBytes(frame));
        }

        Assert.Equal(expected.Length, outbound.UnsentBytes);
        _transport.Open();
        Run();
        Assert.Equal(expected.ToString(), Sent());
    }

    [Fact]
    public void Copies_do_not_follow_the_callers_buffer()
    {
        _transport.Room = 0;
        var outbound = New();
        var buffer = "keep"u8.ToArray();
        outbound.SendCopy(buffer);
        Array.Fill(buffer, (byte)'x');
        _transport.Open();
        Run();
        Assert.Equal("keep", Sent());
    }

    [Fact]
    public void Overflow_leaves_whole_frames_and_then_the_close_frame()
    {
        foreach (var room in Enumerable.Range(0, 60))
        {
            var transport = new FakeTransport { Room = room };
            var outbound = new Outbound(transport, new Owner(), 200);
            var sent = 0;
            while (outbound.SendCopy(FrameWriter.Frame(Opcode.Text, Encoding.ASCII.GetBytes($"frame {sent:d4}"))))
            {
                sent++;
                if (sent == 5)
                {
                    Run();
                }
            }

            Assert.True(outbound.IsClosing);
            Assert.False(outbound.SendCopy("late"u8));
            transport.Open();
            Run();
            AssertFramesThenClose(transport.Bytes);
            Assert.Equal(TimeSpan.FromSeconds(5), transport.Linger);
            Assert.Equal(0, outbound.UnsentBytes);
        }
    }

    [Fact]
    public void Overflow_in_one_large_send_keeps_what_has_begun()
    {
        _transport.Room = 50;
        var outbound = New(max: 100);
        var frames = Enumerable.Range(0, 30).SelectMany(static i => FrameWriter.Frame(Opcode.Text, Encoding.ASCII.GetBytes($"frame {i:d4}"))).ToArray();
        Assert.False(outbound.SendCopy(frames));
        Assert.True(outbound.UnsentBytes > 0);
        _transport.Open();
        Run();
        AssertFramesThenClose(_transport.Bytes);
    }

    [Fact]
    public void The_queued_bytes_are_counted_exactly_while_a_send_is_under_way()
    {
        _transport.Room = 0;
        var outbound = New(max: 100);
        outbound.SendCopy(new byte[40]);
        Run();
        outbound.SendCopy(new byte[50]);
        Assert.Equal(90, outbound.UnsentBytes);
        outbound.SendCopy(new byte[50]);
        Assert.Equal(40 + Owner.Frame.Length, outbound.UnsentBytes);
        _transport.Open(40);
        Run();
        Assert.Equal(Owner.Frame.Length, outbound.UnsentBytes);
        outbound.Abort();
        Assert.Equal(0, outbound.UnsentBytes);
        Run();
        Assert.Equal(0, outbound.UnsentBytes);
    }

    [Fact]
    public void Close_goes_behind_what_is_queued_and_ends_the_connection_then()
    {
        _transport.Room = 2;
        var outbound = New();
        outbound.SendCopy("abcd"u8);
        outbound.Close("END"u8, TimeSpan.FromSeconds(1));
        Assert.False(outbound.SendCopy("late"u8));
        Assert.Null(_transport.Linger);
        Run();
        _transport.Open();
        Run();
        Assert.Equal("abcdEND", Sent());
        Assert.Equal(TimeSpan.FromSeconds(1), _transport.Linger);
        outbound.Close("AGAIN"u8, TimeSpan.Zero);
        Assert.Equal("abcdEND", Sent());
        Assert.False(_transport.IsAborted);
    }

    [Fact]
    public void Close_of_an_idle_connection_ends_it_at_once_and_a_full_one_behind_the_frame()
    {
        New().Close("END"u8, TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), _transport.Linger);
        var full = new FakeTransport { Room = 1 };
        new Outbound(full, new Owner(), 100).Close("END"u8, TimeSpan.FromSeconds(2));
        Assert.Null(full.Linger);
        full.Open();
        Run();
        Assert.Equal("END", Encoding.ASCII.GetString(full.Bytes));
        Assert.NotNull(full.Linger);
    }

    [Fact]
    public void Close_without_a_last_frame_while_the_pump_runs_waits_for_the_pump()
    {
        _transport.Room = 0;
        var outbound = New();
        outbound.SendCopy("abc"u8);
        Run();
        outbound.Close([], TimeSpan.FromSeconds(1));
        Assert.Null(_transport.Linger);
        _transport.Open();
        Run();
        Assert.Equal("abc", Sent());
        Assert.NotNull(_transport.Linger);
    }

    [Fact]
    public void Abort_drops_what_waits_and_takes_nothing_more()
    {
        _transport.Room = 0;
        var outbound = New();
        outbound.SendCopy("abc"u8);
        Run();
        outbound.Abort();
        Run();
        Assert.True(_transport.IsAborted);
        Assert.False(outbound.SendCopy("x"u8));
        Assert.Equal("", Sent());
        Assert.Null(_transport.Linger);
    }

    [Fact]
    public void A_broken_socket_ends_it_directly_and_in_the_pump()
    {
        _transport.Break();
        var outbound = New();
        Assert.False(outbound.SendCopy("x"u8));
        Assert.True(outbound.IsClosing);
        Assert.True(_transport.IsAborted);

        var slow = new FakeTransport { Room = 0 };
        var other = new Outbound(slow, new Owner(), 100);
        Assert.True(other.SendCopy("x"u8));
        Run();
        slow.Break();
        Run();
        Assert.True(slow.IsAborted);
        Assert.True(other.IsClosing);
        Assert.False(other.SendCopy("x"u8));
    }

    [Theory]
    [InlineData(WhenSlow.DropOldest)]
    [InlineData(WhenSlow.Conflate)]
    public void Where_events_may_be_left_out_no_answer_ends_the_connection_while_a_large_send_is_under_way(WhenSlow whenSlow)
    {
        const int Bound = 64 * 1024;
        const int Rounds = 20;
        const int Pongs = 150;
        var client = Make.Client(1, transport: _transport, maxUnsent: Bound);
        var offset = 0;
        for (var round = 0; round < Rounds; round++)
        {
            _transport.Room = 0;
            for (var n = 0; n < 40 + round; n++)
            {
                var batch = FrameBatch.Rent();
                batch.Encode([Make.Event(++offset, data: "\"" + new string('x', 2000) + "\"")], 0, client.Encoding, 1);
                Assert.True(client.Outbound.Send(batch, 0, batch.Count, whenSlow));
                Assert.InRange(client.Outbound.UnsentBytes, 0, Bound);
            }

            // The send begins and is stuck.
            Run();
            for (var n = 0; n < Pongs; n++)
            {
                client.Send(new PongMessage { TimestampMicros = 0 });
                Assert.False(client.Outbound.IsClosing);
            }

            _transport.Open();
            Run();
        }

        var frames = Make.Reader(client, _transport).TakeAll();
        Assert.Equal(Rounds * Pongs, frames.Count(static frame => frame.Contains("\"pong\"", StringComparison.Ordinal)));
        var next = 1L;
        foreach (var frame in frames.Select(static frame => System.Text.Json.JsonDocument.Parse(frame).RootElement))
        {
            if (frame.TryGetProperty("from", out var from))
            {
                Assert.Equal(next, from.GetInt64());
                next = frame.GetProperty("to").GetInt64() + 1;
            }
            else if (frame.TryGetProperty("offset", out var place))
            {
                Assert.Equal(next++, place.GetInt64());
            }
        }

        Assert.Equal(offset, next - 1);
        Assert.True(client.Outbound.DroppedEvents > 100);
    }

    [Fact]
    public void Frames_of_several_threads_are_never_interleaved_and_keep_each_threads_order()
    {
        const int Threads = 6;
        const int Frames = 2000;
        SynchronizationContext.SetSynchronizationContext(null);
        var transport = new FakeTransport { Room = 0, MaxPerCall = 37 };
        var outbound = new Outbound(transport, new Owner(), int.MaxValue);
        var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() => Speak(outbound, thread, Frames))).ToList();
        threads.ForEach(static thread => thread.Start());
        var random = new Random(5);
        while (threads.Exists(static thread => thread.IsAlive))
        {
            transport.Open(random.Next(1, 3000));
        }

        threads.ForEach(static thread => thread.Join());
        transport.Open();
        var total = Threads * Enumerable.Range(0, Frames).Sum(i => FrameWriter.FrameSize(Body(0, i).Length));
        Wait.Until(() => transport.Bytes.Length == total);
        var next = new int[Threads];
        foreach (var text in Decode(transport.Bytes))
        {
            var thread = text[0] - '0';
            Assert.Equal(Encoding.ASCII.GetString(Body(thread, next[thread]++)), text);
        }

        Assert.All(next, static count => Assert.Equal(Frames, count));
        Assert.Equal(0, transport.Overlaps);
        Wait.Until(() => outbound.UnsentBytes == 0);
    }

    // Half of the frames come in shared batches, half as copies.
    private static void Speak(Outbound outbound, int thread, int frames)
    {
        var encoding = Make.Client(1, DialectKind.Updates).Encoding;
        for (var i = 0; i < frames; i++)
        {
            if (i % 2 == 0)
            {
                outbound.SendCopy(FrameWriter.Frame(Opcode.Text, Body(thread, i)));
            }
            else
            {
                var batch = FrameBatch.Rent();
                batch.Encode([Make.Verbatim(Body(thread, i))], 0, encoding, 1);
                outbound.Send(batch, 0, batch.Count, WhenSlow.Disconnect);
            }
        }
    }

    private static byte[] Body(int thread, int i) => Encoding.ASCII.GetBytes($"{thread} {i:d5} {new string('x', i % 90)}");

    private static void AssertFramesThenClose(byte[] bytes)
    {
        var frames = Decode(bytes);
        Assert.Equal("closed 1013", frames[^1]);
        Assert.Equal(Enumerable.Range(0, frames.Count - 1).Select(static i => $"frame {i:d4}"), frames.Take(frames.Count - 1));
    }

    private static List<string> Decode(byte[] bytes)
    {
        var reader = new FrameReader(FrameLimits.Default, FrameRole.Client);
        var texts = new List<string>();
        for (var at = 0; at < bytes.Length;)
        {
            var status = reader.Read(bytes.AsSpan(at), out var used, out var message);
            at += used;
            Assert.Equal(FrameStatus.Message, status);
            texts.Add(message.Kind == MessageKind.Close ? $"closed {message.CloseCode}" : message.Text);
        }

        Assert.False(reader.IsMessageIncomplete);
        return texts;
    }

    private Outbound New(int max = 1 << 20) => new(_transport, new Owner(), max);

    private string Sent() => Encoding.ASCII.GetString(_transport.Bytes);

    private void Run()
    {
        while (_turns.RunOne())
        {
        }
    }

    private sealed class Owner : IOutboundOwner
    {
        public static byte[] Frame { get; } = FrameWriter.CloseFrame(CloseCode.TryAgainLater, "slow");

        public byte[] OnOverflow() => Frame;

        public byte[] EncodeGap(string channel, Epoch epoch, long from, long to) => throw new InvalidOperationException("nothing is left out here");
    }
}
