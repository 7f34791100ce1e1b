using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;

namespace Relay.Client.Tests;

/// <summary>Against a real node, which is killed and stopped under the client's feet.</summary>
public sealed class ClientTests(ClientTests.OneRelay one) : IClassFixture<ClientTests.OneRelay>
{
    private const string Key = "a-key-of-the-tests-0123456789";
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);

    private readonly RestartedRelay _relay = one.Relay;

    [Fact]
    public async Task What_is_published_arrives_with_its_place()
    {
        await using var client = Client();
        await using var heard = client.Subscribe("topics/one");
        await client.PresenceAsync("topics/one");
        var published = await client.PublishAsync("topics/one", "task.created", new { Build = 17 }, new PublishOptions { Key = "k" });
        var item = Assert.IsType<RelayEvent>(Assert.Single(await TakeAsync(heard, 1)));
        Assert.Equal(("topics/one", "task.created", "k", published.Place), (item.Channel, item.Name, item.Key, item.Place));
        Assert.Equal(17, item.Data.GetProperty("build").GetInt32());
        Assert.Equal((false, 1), (published.Duplicate, published.Subscribers));
    }

    [Fact]
    public async Task A_publish_id_counts_once()
    {
        await using var client = Client();
        var first = await client.PublishAsync("topics/ids", "message.new", 1, new PublishOptions { Id = "only-1" });
        var again = await client.PublishAsync("topics/ids", "message.new", 1, new PublishOptions { Id = "only-1" });
        Assert.Equal((first.Place, false, true), (again.Place, first.Duplicate, again.Duplicate));
    }

    [Fact]
    public async Task History_presence_and_versions_are_answered()
    {
        await using var client = Client();
        RelayPublished last = null!;
        for (var n = 0; n < 5; n++)
        {
            last = await client.PublishAsync("topics/h", "message.new", n, new PublishOptions { Key = "k" });
        }

        Assert.Equal([3, 4], (await client.HistoryAsync("topics/h", new HistoryOptions { Limit = 2 })).Select(static item => item.As<int>()));
        Assert.Equal([3, 4], (await client.HistoryAsync("topics/h", new HistoryOptions { Since = last.Place!.Value with { Offset = 3 } })).Select(static item => item.As<int>()));
        await using var heard = client.Subscribe("topics/h", new SubscribeOptions { Presence = true });
        Assert.Equal(1, (await client.PresenceAsync("topics/h")).Count);
        var refused = await Assert.ThrowsAsync<RelayRefusedException>(
            () => client.PublishAsync("topics/h", "message.new", 9, new PublishOptions { Key = "k", IfVersion = last.Place.Value with { Offset = 1 } }));
        Assert.Equal("VERSION_MISMATCH", refused.Code);
        await client.PublishAsync("topics/h", "message.new", 9, new PublishOptions { Key = "k", IfVersion = last.Place });
        Assert.Equal([9], await ValuesAsync(heard, 1));
        Assert.Equal("VERSION_MISMATCH", (await Assert.ThrowsAsync<RelayRefusedException>(() => client.PublishAsync("topics/h", "message.new", 9, new PublishOptions { Key = "k", IfNew = true }))).Code);
    }

    [Fact]
    public async Task Earlier_events_come_first_and_filters_hold()
    {
        await using var client = Client();
        for (var n = 0; n < 6; n++)
        {
            await client.PublishAsync("topics/last", n % 2 == 0 ? "message.new" : "task.created", n);
        }

        await using var heard = client.Subscribe("topics/last", new SubscribeOptions { Since = (await client.HistoryAsync("topics/last", new HistoryOptions { Limit = 4 }))[0].Place, Events = ["task.*"] });
        await client.PresenceAsync("topics/last");
        await client.PublishAsync("topics/last", "message.new", 6);
        await client.PublishAsync("topics/last", "task.created", 7);
        Assert.Equal([3, 5, 7], await ValuesAsync(heard, 3));
    }

    [Fact]
    public async Task A_pattern_brings_channels_that_are_born_later()
    {
        await using var client = Client();
        await using var heard = client.Subscribe("topics/p/*");
        await client.PresenceAsync("topics/x");
        await client.PublishAsync("topics/p/a", "message.new", 1);
        await client.PublishAsync("topics/p/b", "message.new", 2);
        Assert.Equal(["topics/p/a", "topics/p/b"], (await TakeAsync(heard, 2)).Select(static item => item.Channel), StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_refused_says_why()
    {
        await using var client = Client();
        Assert.Contains("no/such/namespace", (await Assert.ThrowsAsync<RelayRefusedException>(() => client.PublishAsync("no/such/namespace", "message.new"))).Message, StringComparison.Ordinal);
        await using var heard = client.Subscribe("bad channel");
        await Assert.ThrowsAsync<RelayRefusedException>(() => TakeAsync(heard, 1));
        await using var first = client.Subscribe("topics/twice");
        Assert.Throws<InvalidOperationException>(() => client.Subscribe("topics/twice"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_repeated_over_kills_and_planned_stops_of_the_relay()
    {
        await using var listener = Client();
        await using var publisher = Client();
        var states = new ConcurrentQueue<bool>();
        listener.ConnectionChanged += states.Enqueue;
        await using var heard = listener.Subscribe("topics/cut");
        await listener.PresenceAsync("topics/cut");
        var publishing = PublishAsync();
        await using var items = heard.EventsAsync().GetAsyncEnumerator();
        var got = await ReadAsync(50);
        await _relay.KillAsync();
        await _relay.StartAsync();
        got.AddRange(await ReadAsync(100));
        await _relay.StopAsync();
        await _relay.StartAsync();
        got.AddRange(await ReadAsync(150));
        await publishing;
        Assert.Equal(Enumerable.Range(0, 300), got);
        Assert.Equal([true, false, true, false, true], states);

        async Task PublishAsync()
        {
            for (var n = 0; n < 300; n++)
            {
                await publisher.PublishAsync("topics/cut", "message.new", n);
            }
        }

        async Task<List<int>> ReadAsync(int count)
        {
            var read = new List<int>();
            while (read.Count < count && await items.MoveNextAsync().AsTask().WaitAsync(Bound))
            {
                read.Add(items.Current.As<int>());
            }

            return read;
        }
    }

    [Fact]
    public async Task What_is_published_while_the_relay_is_away_goes_out_when_it_is_back_up_to_a_bound()
    {
        await using var client = Client(new RelayClientOptions { MostPending = 3, AnswerTimeout = Bound });
        await client.PresenceAsync("topics/off");
        await _relay.KillAsync();
        var waiting = Enumerable.Range(0, 3).Select(n => client.PublishAsync("topics/off", "message.new", n)).ToList();
        Assert.Equal("QUEUE_FULL", (await Assert.ThrowsAsync<RelayRefusedException>(() => client.PublishAsync("topics/off", "message.new", 3))).Code);
        await _relay.StartAsync();
        var offsets = (await Task.WhenAll(waiting)).Select(static published => published.Place!.Value.Offset).ToList();
        Assert.Equal(offsets.Order(), offsets);
    }

    [Fact]
    public async Task Who_reads_slowly_gets_everything_in_the_end()
    {
        await using var client = Client(new RelayClientOptions { MostQueued = 20 });
        await using var heard = client.Subscribe("topics/slow");
        await client.PresenceAsync("topics/slow");
        for (var start = 0; start < 400; start += 100)
        {
            await Task.WhenAll(Enumerable.Range(start, 100).Select(n => client.PublishAsync("topics/slow", "message.new", n)));
        }

        Assert.Equal(Enumerable.Range(0, 400), await ValuesAsync(heard, 400));
    }

    [Fact]
    public async Task A_channel_that_was_lost_is_told_as_a_gap()
    {
        await using var client = Client();
        await using var heard = client.Subscribe("projects/00000000-0000-0000-0000-000000000002");
        await client.PresenceAsync(heard.Channel);
        await client.PublishAsync(heard.Channel, "message.new", 1);
        Assert.IsType<RelayEvent>(Assert.Single(await TakeAsync(heard, 1)));
        await _relay.KillAsync();
        await _relay.StartAsync();
        await client.PublishAsync(heard.Channel, "message.new", 2);
        Assert.IsType<RelayGap>(Assert.Single(await TakeAsync(heard, 1)));
    }

    [Fact]
    public async Task A_client_that_was_disposed_ends_its_readers_and_questions()
    {
        var client = Client();
        var heard = client.Subscribe("topics/end");
        await client.PresenceAsync("topics/end");
        await client.DisposeAsync();
        Assert.Empty(await TakeAsync(heard, 1));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PublishAsync("topics/end", "message.new"));
    }

    [Fact]
    public async Task A_provider_is_asked_again_for_a_token_that_was_refused_and_a_fixed_one_ends_the_client()
    {
        using var relay = new RestartedRelay("Auth:Required=true", "Auth:ApiKeys:0:Name=tests", $"Auth:ApiKeys:0:Key={Key}");
        await relay.StartAsync();
        var given = new Queue<string>(["wrong-but-long-enough-to-be-one", Key]);
        await using (var client = Client(new RelayClientOptions { Url = relay.Url, TokenProvider = _ => ValueTask.FromResult<string?>(given.Dequeue()) }))
        {
            Assert.NotNull((await client.PublishAsync("topics/t", "message.new")).Place);
        }

        await using var refused = Client(new RelayClientOptions { Url = relay.Url, Token = "wrong-but-long-enough-to-be-one" });
        var said = await Assert.ThrowsAsync<RelayRefusedException>(() => refused.PublishAsync("topics/t", "message.new"));
        Assert.Equal("UNAUTHORIZED", said.Code);
        Assert.DoesNotContain("wrong-but", said.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frames_that_are_no_messages_of_the_relay_change_nothing()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener,
            "{\"type\":\"connected\",\"client_id\":\"c\",\"session\":\"s\"}", "{", "null", "[]", "17", "\"text\"", "{\"type\":7}", "{\"type\":\"ack\"}", "{\"type\":\"gap\"}", "{\"channel\":5,\"event\":\"e\"}",
            "{\"type\":\"reconnect\",\"after_ms\":\"soon\"}", new string('[', 5000), "{\"id\":\"m\",\"channel\":\"topics/g\",\"event\":\"message.new\",\"data\":1,\"epoch\":\"e\",\"offset\":1,\"timestamp\":9e18}");
        await using (var client = new RelayClient(new Uri($"ws://{listener.LocalEndpoint}/")))
        {
            await using var heard = client.Subscribe("topics/g");
            Assert.Equal([1], await ValuesAsync(heard, 1));
        }

        await serving;
    }

    [Fact]
    public async Task A_host_makes_one_client_and_ends_it()
    {
        var services = new ServiceCollection().AddRelayClient(options => options.Url = _relay.Url).BuildServiceProvider();
        var client = services.GetRequiredService<RelayClient>();
        Assert.Same(client, services.GetRequiredService<RelayClient>());
        await client.PublishAsync("topics/host", "message.new");
        await services.DisposeAsync();
        Assert.False(client.IsConnected);
    }

    [Fact]
    public async Task A_sender_never_waits_keeps_the_newest_and_sends_in_order_once_a_relay_is_there()
    {
        using var relay = new RestartedRelay();
        await using var sender = new EventSender(new EventSenderOptions { Url = relay.HooksUrl, Most = 10, SessionId = "s1", Linger = Bound, LongestPause = TimeSpan.FromMilliseconds(100) });
        Assert.False(sender.Send("hook.test", new object[] { IntPtr.Zero }));
        for (var n = 0; n < 100; n++)
        {
            Assert.True(sender.Send("hook.test", new { n }));
        }

        Assert.True(sender.Dropped >= 85, $"{sender.Dropped}");
        Assert.False(await sender.IsRunningAsync());
        await relay.StartAsync();
        Assert.True(await sender.IsRunningAsync(Bound));
        Assert.True(await sender.FlushAsync(Bound));
        using var listener = new ClientWebSocket();
        await listener.ConnectAsync(relay.HooksUrl, default);
        for (var n = 100; n <= 200; n++)
        {
            sender.Send("hook.test", new { n });
            Assert.True(await sender.FlushAsync(Bound));
        }

        using var limit = new CancellationTokenSource(Bound);
        while (true)
        {
            using var document = System.Text.Json.JsonDocument.Parse(await ReceiveAsync(listener, limit.Token));
            var frame = document.RootElement;
            if (frame.GetProperty("type").GetString() == "hook.test" && frame.GetProperty("data").GetProperty("n").GetInt32() == 200)
            {
                await listener.SendAsync("""{"command":"get_history","params":{"event_types":["hook.test"],"limit":1000}}"""u8.ToArray(), WebSocketMessageType.Text, true, limit.Token);
            }
            else if (frame.GetProperty("type").GetString() == "history")
            {
                var events = frame.GetProperty("data").GetProperty("events").EnumerateArray().Select(static item => item.GetProperty("data")).ToList();
                Assert.Equal(Enumerable.Range(90, 111), events.Select(static item => item.GetProperty("n").GetInt32()));
                Assert.All(events, static item => Assert.Equal("s1", item.GetProperty("session_id").GetString()));
                return;
            }
        }
    }

    private RelayClient Client(RelayClientOptions? options = null)
    {
        options ??= new RelayClientOptions { AnswerTimeout = Bound };
        return new RelayClient(options with
        {
            Url = options.Url.Port == 8080 ? _relay.Url : options.Url,
            FirstPause = TimeSpan.FromMilliseconds(50),
            LongestPause = TimeSpan.FromMilliseconds(500),
        });
    }

    private static async Task<List<RelayItem>> TakeAsync(RelaySubscription subscription, int count)
    {
        using var limit = new CancellationTokenSource(Bound);
        var items = new List<RelayItem>();
        await foreach (var item in subscription.WithCancellation(limit.Token))
        {
            items.Add(item);
            if (items.Count == count)
            {
                break;
            }
        }

        return items;
    }

    private static async Task<IEnumerable<int>> ValuesAsync(RelaySubscription subscription, int count) =>
        (await TakeAsync(subscription, count)).Select(static item => Assert.IsType<RelayEvent>(item).As<int>());

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket socket, CancellationToken limit)
    {
        var (bytes, buffer) = (new List<byte>(), new byte[65536]);
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), limit);
            bytes.AddRange(buffer.AsSpan(0, part.Count));
            if (part.EndOfMessage)
            {
                return [.. bytes];
            }
        }
    }

    private static async Task ServeAsync(TcpListener listener, params string[] frames)
    {
        using var client = await listener.AcceptTcpClientAsync();
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        var key = "";
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            key = line.StartsWith("Sec-WebSocket-Key: ", StringComparison.OrdinalIgnoreCase) ? line[19..] : key;
        }

#pragma warning disable CA5350 // RFC 6455, 1.3
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"));
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
        foreach (var frame in frames)
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, true, default);
        }

        var buffer = new byte[4096];
        while ((await socket.ReceiveAsync(buffer, default)).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    /// <summary>For all tests of the class, which run one after the other.</summary>
    public sealed class OneRelay : IAsyncLifetime
    {
        internal RestartedRelay Relay { get; } = new("Namespaces:topics:Durability=sql");

        public Task InitializeAsync() => Relay.StartAsync();

        public Task DisposeAsync()
        {
            Relay.Dispose();
            return Task.CompletedTask;
        }
    }
}
