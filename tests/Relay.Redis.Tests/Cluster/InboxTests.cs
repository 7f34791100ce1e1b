using System.Buffers.Binary;
using Relay.Cluster;
using Relay.Cluster.Engine;
using Relay.Redis.Cluster;
using Relay.Redis.Tests.Contract;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Frames between nodes, and how the loss of the inbox is noticed.</summary>
public sealed class InboxTests
{
    // Quick, so that a test sees the loss soon, but not so quick that a slow machine makes one.
    private static readonly RedisClusterOptions Quick = new() { EchoPeriod = TimeSpan.FromMilliseconds(250), EchoesMissed = 6 };

    [Fact]
    public async Task Frames_of_any_size_arrive_whole_and_only_where_they_were_sent_to()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        await using var b = await ClusterNode.StartAsync("b", server);
        var (inboxOfA, inboxOfB) = (new InboxLog(), new InboxLog());
        a.Engine.Listen(a.Id, inboxOfA);
        b.Engine.Listen(b.Id, inboxOfB);
        await inboxOfA.ExpectAsync("restored");
        await inboxOfB.ExpectAsync("restored");
        var random = new Random(1);
        foreach (var size in new[] { 0, 1, 2, 1000, 65_536, 1_048_575, 1_048_576 })
        {
            var frame = new byte[size];
            random.NextBytes(frame);
            await a.Engine.SendAsync(b.Id, frame);
            Assert.Equal(frame, await inboxOfB.FrameAsync());
        }

        await a.Engine.SendAsync(b.Id with { Incarnation = 1 }, "to another run"u8.ToArray());
        await b.Engine.SendAsync(a.Id, "to a"u8.ToArray());
        await a.Engine.SendAsync(a.Id, "to myself"u8.ToArray());
        Assert.Equal("to a"u8.ToArray(), await inboxOfA.FrameAsync());
        Assert.Equal("to myself"u8.ToArray(), await inboxOfA.FrameAsync());
        await a.Engine.SendAsync(b.Id, "last"u8.ToArray());
        Assert.Equal("last"u8.ToArray(), await inboxOfB.FrameAsync());
    }

    [Fact]
    public async Task Frames_of_each_sender_arrive_in_its_order_without_waiting_between_them()
    {
        const int Frames = 5000;
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        await using var b = await ClusterNode.StartAsync("b", server);
        await using var c = await ClusterNode.StartAsync("c", server);
        var inbox = new InboxLog();
        c.Engine.Listen(c.Id, inbox);
        await inbox.ExpectAsync("restored");
        var sent = new List<Task>();
        var frame = new byte[8];
        for (var i = 0; i < Frames; i++)
        {
            foreach (var (sender, number) in new[] { (a, 0), (b, 1) })
            {
                // The buffer is used again at once: the engine has copied it.
                BinaryPrimitives.WriteInt32LittleEndian(frame, number);
                BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), i);
                sent.Add(sender.Engine.SendAsync(c.Id, frame).AsTask());
            }
        }

        int[] next = [0, 0];
        for (var i = 0; i < 2 * Frames; i++)
        {
            var got = await inbox.FrameAsync();
            Assert.Equal(next[got[0]]++, BinaryPrimitives.ReadInt32LittleEndian(got.AsSpan(4)));
        }

        await Task.WhenAll(sent);
    }

    [Fact]
    public async Task A_subscriber_that_is_cut_off_is_told_and_frames_come_in_again()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", server);
        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(1, (await admin.SendAsync("CLIENT", "KILL", "TYPE", "pubsub")).AsInteger());
            await inbox.ExpectAsync("lost", "restored");
            Assert.Null(a.Engine.Illness);
            await a.Engine.SendAsync(a.Id, "x"u8.ToArray());
            Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());
        }
    }

    [Fact]
    public async Task A_connection_that_is_open_but_brings_nothing_is_given_up_and_the_next_one_serves()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var proxy = new DeafProxy(server.Port);
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(proxy.Endpoint), Quick);
        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        proxy.Deafen();
        await inbox.ExpectAsync("lost", "restored");
        await a.Engine.SendAsync(a.Id, "x"u8.ToArray());
        Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());
    }

    [Fact]
    public async Task A_frozen_server_is_noticed_by_the_missing_echoes_before_any_connection_ends()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint), Quick);
        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        server.Freeze();
        await inbox.ExpectAsync("lost");
        Assert.Contains("did not come back", a.Engine.Illness, StringComparison.Ordinal);
        server.Thaw();
        await inbox.ExpectAsync("restored");
        Assert.Null(a.Engine.Illness);
    }

    [Fact]
    public async Task An_inbox_works_as_soon_as_the_server_is_there()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await server.StopAsync();
        await using var redis = new RedisClient(Contracts.Options(server.Endpoint), new RedisServices());
        await using var engine = new RedisClusterEngine(redis, new RedisServices(), Quick);
        var inbox = new InboxLog();
        var self = new NodeId("a", 1);
        engine.Listen(self, inbox);
        engine.Start();
        Assert.NotNull(engine.Illness);
        await server.StartAgainAsync();
        await inbox.ExpectAsync("restored");
        await engine.WaitReadyAsync();
        await engine.SendAsync(self, "x"u8.ToArray());
        Assert.Equal("x"u8.ToArray(), await inbox.FrameAsync());
    }

    [Fact]
    public async Task A_listener_that_fails_gets_the_next_frame_all_the_same_and_is_logged_once()
    {
        var lines = new LogLines();
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint), services: new RedisServices { Loggers = lines });
        var inbox = new InboxLog { Throws = true };
        a.Engine.Listen(a.Id, inbox);
        await inbox.ExpectAsync("restored");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => a.Engine.SendAsync(a.Id, new[] { (byte)i }).AsTask()));
        for (byte i = 0; i < 10; i++)
            Assert.Equal([i], await inbox.FrameAsync());
        await a.Engine.DisposeAsync();
        Assert.Single(lines.Of(60));
    }

    [Fact]
    public async Task An_engine_has_one_inbox()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.StartAsync("a", server);
        a.Engine.Listen(a.Id, new InboxLog());
        Assert.Throws<InvalidOperationException>(() => a.Engine.Listen(a.Id, new InboxLog()));
    }

    [Fact]
    public async Task An_inbox_that_may_not_be_read_is_an_illness_that_names_it()
    {
        await using var server = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Acl = ["user default on nopass ~* &* +@all", "user relay on >secret ~* resetchannels &{relay}:echo:* +@all"],
        });
        await using var admin = await Contracts.ReadyAsync(server);
        await using var a = await ClusterNode.StartAsync("a", Contracts.Options(server.Endpoint).With(o => (o.User, o.Password) = ("relay", "secret")));
        var inbox = new InboxLog();
        a.Engine.Listen(a.Id, inbox);
        await Eventually.Until(() => a.Engine.Illness!.Contains("NOPERM", StringComparison.Ordinal));
        var error = await Assert.ThrowsAsync<ClusterEngineException>(() => a.Engine.SendAsync(a.Id, default).AsTask());
        Assert.False(error.IsRetryable);

        // The state needs no right to the channel of changes: its steps are not left half done.
        Assert.Equal(1, (await a.HeartbeatAsync()).Version);
        await admin.SendAsync("ACL", "SETUSER", "relay", "&{relay}:*");
        await inbox.ExpectAsync("restored");
    }
}
