using Relay.Node.Tests.Support;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.WebSockets;

/// <summary>How connections end, and that they always do (reliability.md S30, S37).</summary>
public abstract class LifecycleTests(int? eventLoops) : SocketTests(eventLoops)
{
    [Fact]
    public async Task A_handler_hears_messages_in_order_and_the_end_once()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        await client.SendAsync((byte[])[
            .. RawClient.Text("one"),
            .. RawClient.Frame(Opcode.Text, "tw"u8, final: false),
            .. RawClient.Frame(Opcode.Ping, "p"u8),
            .. RawClient.Frame(Opcode.Continuation, "o"u8),
            .. RawClient.Frame(Opcode.Pong, ""u8),
            .. RawClient.Frame(Opcode.Binary, [1, 2, 3]),
            .. RawClient.Close(4321, "why")]);
        Assert.Equal(4321, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        client.Dispose();
        var calls = (await handler.AllAsync()).FindAll(call => !string.Equals(call, "incomplete", StringComparison.Ordinal));
        Assert.Equal(["text:one", "ping:p", "text:two", "binary:3", "close:4321:why", "end"], calls);
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task Whatever_follows_a_close_frame_is_ignored_and_does_not_harm_the_answer()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        await client.SendAsync((byte[])[.. RawClient.Close(1000), .. Enumerable.Repeat(RawClient.Text("late"), 10_000).SelectMany(frame => frame)]);
        Assert.Equal(1000, await client.ReadCloseCodeAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        client.Dispose();
        Assert.Equal(["close:1000:", "end"], await handler.AllAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_leaves_without_a_word_is_the_end(bool reset)
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        if (reset)
        {
            client.Reset();
        }
        else
        {
            client.Dispose();
        }

        var end = Assert.Single(await handler.AllAsync());
        Assert.Equal(reset ? "end:ConnectionResetException" : "end", end);
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task A_goodbye_with_an_immediate_hang_up_is_answered_all_the_same()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        await client.SendAsync(RawClient.Close(1000));
        client.HalfClose();
        Assert.Equal(1000, await client.ReadCloseCodeAsync());
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_handler_that_does_not_answer_a_goodbye_loses_its_connection()
    {
        await using var node = await StartAsync(
            TestNode.Options with { CloseTimeout = TimeSpan.FromMilliseconds(50) }, onOpen: handler => handler.Answers = false);
        foreach (var halfClose in (bool[])[false, true])
        {
            using var client = await node.OpenAsync("/relay");
            await client.SendAsync(RawClient.Close(1000));
            if (halfClose)
            {
                client.HalfClose();
            }

            Assert.Equal("", (await client.ReadToEndAsync()).Text);
            Assert.StartsWith("end", (await (await node.Factory.NextAsync()).AllAsync())[^1], StringComparison.Ordinal);
        }

        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_server_that_closes_first_waits_for_the_peer_but_not_for_ever()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        handler.Transport.TrySend(FrameWriter.CloseFrame(CloseCode.GoingAway));
        handler.Transport.Finish(TimeSpan.FromMilliseconds(100));
        Assert.Equal(1001, await client.ReadCloseCodeAsync());

        // The client keeps its half open and says nothing.
        Assert.Equal(["end"], await handler.AllAsync());
        Assert.Equal(Ending.Fin, (await client.ReadToEndAsync()).Ending);
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_peer_that_hangs_up_ends_the_lingering_early()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        handler.Transport.TrySend(FrameWriter.CloseFrame(CloseCode.GoingAway));
        handler.Transport.Finish(TimeSpan.FromHours(1));
        Assert.Equal(1001, await client.ReadCloseCodeAsync());
        await client.SendAsync(RawClient.Text("too late"));
        await client.SendAsync(RawClient.Close(1001));
        client.HalfClose();
        Assert.Equal(["end"], await handler.AllAsync());
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task An_aborted_connection_ends_at_once()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        handler.Transport.Abort();
        Assert.StartsWith("end", Assert.Single(await handler.AllAsync()), StringComparison.Ordinal);
        await client.ReadToEndAsync();
        Assert.Equal(-1, handler.Transport.TrySend([1]));
        Assert.False(await handler.Transport.SendAsync([new byte[1]]));
        handler.Transport.Finish(TimeSpan.Zero);
        handler.Transport.Abort();
        await node.WhenIdleAsync();
    }

    [Fact]
    public async Task A_handler_that_throws_loses_its_connection_and_no_other()
    {
        await using var node = await StartAsync();
        using var good = await node.OpenAsync("/relay");
        var goodHandler = await node.Factory.NextAsync();
        using var bad = await node.OpenAsync("/relay");
        var badHandler = await node.Factory.NextAsync();
        badHandler.Fault = new InvalidOperationException("a bug");
        await bad.SendAsync(RawClient.Text("boom"));
        Assert.Equal(["end:InvalidOperationException"], await badHandler.AllAsync());
        await bad.ReadToEndAsync();
        await good.SendAsync(RawClient.Text("fine"));
        Assert.Equal("text:fine", await goodHandler.NextAsync());
        Assert.Single(node.Errors.Lines);
    }

    [Fact]
    public async Task A_factory_that_throws_ends_the_connection()
    {
        await using var node = await StartAsync(onOpen: _ => throw new InvalidOperationException("a bug"));
        using var client = await node.ConnectAsync();
        await client.SendAsync(RawClient.Upgrade("/relay"));
        await client.ReadToEndAsync();
        await node.WhenIdleAsync();
        Assert.Single(node.Errors.Lines);
    }

    [Fact]
    public async Task Reading_stops_while_the_handler_has_not_accepted_what_was_read()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        handler.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await client.SendAsync(RawClient.Text("one"));
        Assert.Equal("text:one", await handler.NextAsync());

        // 16 MiB: more than all buffers on the way together.
        var message = RawClient.Frame(Opcode.Binary, new byte[60_000]);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            for (var i = 0; i < 280; i++)
            {
                await client.SendAsync(message, limit.Token);
            }
        });
        var hold = handler.Hold;
        handler.Hold = null;
        hold.SetResult();
        string call;
        while (string.Equals(call = await handler.NextAsync(), "incomplete", StringComparison.Ordinal))
        {
        }

        Assert.Equal("binary:60000", call);
    }

    [Fact]
    public async Task An_unfinished_message_is_reported_after_the_read_that_left_it()
    {
        await using var node = await StartAsync();
        using var client = await node.OpenAsync("/relay");
        var handler = await node.Factory.NextAsync();
        var frame = RawClient.Text("hello");
        foreach (var part in frame[..^1])
        {
            await client.SendAsync(new[] { part });
            Assert.Equal("incomplete", await handler.NextAsync());
        }

        await client.SendAsync(frame.AsMemory(frame.Length - 1));
        Assert.Equal("text:hello", await handler.NextAsync());
        await client.SendAsync(RawClient.Text("again"));
        Assert.Equal("text:again", await handler.NextAsync());
        Assert.False(handler.MessageIncomplete);
    }

    [Fact]
    public async Task A_full_socket_takes_a_short_count_and_the_rest_arrives_in_order()
    {
        await using var node = await StartAsync();
        using var client = await node.ConnectAsync(receiveBuffer: 4096);
        await client.SendAsync(RawClient.Upgrade("/relay"));
        await client.ReadHeadAsync();
        var transport = (await node.Factory.NextAsync()).Transport;
        var expected = new List<int>();
        var next = 0;
        var sent = 0;
        byte[] frame;
        do
        {
            frame = FrameWriter.Frame(Opcode.Binary, new byte[1000 + next]);
            expected.Add(1000 + next++);
            sent = transport.TrySend(frame);
            Assert.InRange(sent, 0, frame.Length);
        }
        while (sent == frame.Length);
        Assert.Equal(0, transport.TrySend(frame.AsSpan(sent)));
        var rest = new List<ArraySegment<byte>> { frame.AsMemory(sent).ToArray() };
        for (var i = 0; i < 50; i++)
        {
            rest.Add(FrameWriter.Frame(Opcode.Binary, new byte[20_000 + i]));
            expected.Add(20_000 + i);
        }

        var sending = transport.SendAsync(rest);
        Assert.False(sending.IsCompleted);
        foreach (var size in expected)
        {
            Assert.Equal(size, (await client.ReadFrameAsync()).Payload.Length);
        }

        Assert.True(await sending);
        Assert.Equal(5, transport.TrySend(FrameWriter.Frame(Opcode.Text, "end"u8)));
        Assert.Equal("end", await client.ReadTextAsync());
    }

    // A timer that fired a fraction of a millisecond before its time was once taken for that of an earlier send, and the deadline never came.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_never_reads_is_dropped_when_the_send_timeout_is_over(bool hastyTimers)
    {
        await using var node = await StartAsync(
            TestNode.Options with { SendTimeout = TimeSpan.FromMilliseconds(100) }, time: hastyTimers ? new HastyTime() : TimeProvider.System);
        using var client = await node.ConnectAsync(receiveBuffer: 4096);
        await client.SendAsync(RawClient.Upgrade("/relay"));
        var handler = await node.Factory.NextAsync();
        Assert.False(await handler.Transport.SendAsync([new byte[16 * 1024 * 1024]]).AsTask().WaitAsync(Eventually.Limit));
        Assert.StartsWith("end", (await handler.AllAsync())[^1], StringComparison.Ordinal);
        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }

    [Fact]
    public async Task A_session_cut_at_any_byte_leaves_nothing_behind()
    {
        await using var node = await StartAsync();
        byte[] session = [.. RawClient.Text("one"), .. RawClient.Frame(Opcode.Ping, "p"u8), .. RawClient.Frame(Opcode.Binary, new byte[200]), .. RawClient.Close(1000, "bye")];
        for (var cut = 0; cut <= session.Length; cut++)
        {
            using var client = await node.OpenAsync(cut % 2 == 0 ? "/echo" : "/relay");
            await client.SendAsync(session.AsMemory(0, cut));
            switch (cut % 3)
            {
                case 0:
                    client.Reset();
                    break;
                case 1:
                    client.HalfClose();
                    await client.ReadToEndAsync();
                    break;
                default:
                    client.Dispose();
                    break;
            }
        }

        await node.WhenIdleAsync();
        Assert.Empty(node.Errors.Lines);
    }
}

public sealed class LifecycleOnEventLoopsTests() : LifecycleTests(OnLoops);

public sealed class LifecycleOnKestrelTests() : LifecycleTests(OnKestrel);
