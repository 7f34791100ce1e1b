using Relay.Actors.Connections;
using Relay.Actors.Explain;
using Relay.Actors.Fanout;
using Relay.Kernel.TestKit;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Tests.Explain;

/// <summary>When what waited for a client was written, and what never was.</summary>
public sealed class WaitingTests
{
    private readonly ManualTime _time = new();
    private readonly FakeTransport _transport = new();
    private readonly DeliveryLog _log = new(1 << 20, 1);
    private readonly ClientConnection _client;

    public WaitingTests()
    {
        var request = new ConnectionRequest { Dialect = Protocol.Dialects.ByKind(DialectKind.Relay), Listener = "test", RemoteAddress = "127.0.0.1:1" };
        _client = new ClientConnection(7, "ws_7", request, new WireEncoding(request.Dialect, false, 512), _transport, _time, 1 << 16) { Deliveries = _log };
    }

    private long Now => _time.NowMicros();

    [Fact]
    public void A_queue_says_since_when_the_oldest_waits_and_when_what_it_gave_away_was_added()
    {
        var words = new Words();
        var queue = new SendQueue(words);
        Assert.Equal((0, 0), (queue.SinceMicros, queue.TakenMicros));
        words.NowMicros = 100;
        queue.AddBegun([1, 2]);
        words.NowMicros = 200;
        queue.Add([3]);
        words.NowMicros = 300;
        queue.Add(new byte[5000]);
        Assert.Equal((100, 0), (queue.SinceMicros, queue.TakenMicros));
        var segments = new List<ArraySegment<byte>>();
        queue.Take(segments, 2);
        Assert.Equal((100, 200), (queue.SinceMicros, queue.TakenMicros));
        segments.Clear();
        queue.Take(segments, 2);
        Assert.Equal((300, 300), (queue.SinceMicros, queue.TakenMicros));
        queue.Take(segments, 2);
        Assert.Equal((0, 0), (queue.SinceMicros, queue.TakenMicros));
    }

    [Fact]
    public void What_the_socket_takes_does_not_wait_and_what_it_does_not_take_waits_since_it_was_given()
    {
        _client.Outbound.SendCopy([1]);
        Assert.Equal(0, _client.Outbound.WaitingMicros);
        _transport.Room = 0;
        var given = Now;
        _client.Outbound.SendCopy([2]);
        Assert.Equal(given, _client.Outbound.WaitingMicros);
        Assert.Equal(0, _client.Outbound.LostMicros);
    }

    [Fact]
    public void Who_is_cut_off_loses_what_waited_and_who_says_goodbye_only_what_comes_after()
    {
        _transport.Room = 0;
        var first = Now;
        _client.Outbound.SendCopy(new byte[60_000]);
        _time.Advance(TimeSpan.FromSeconds(1));
        _client.Outbound.SendCopy(new byte[60_000]);
        Assert.True(_client.Outbound.IsClosing);
        Assert.Equal(first, _client.Outbound.LostMicros);
        Assert.Equal(CloseCode.TryAgainLater, _client.EndCode);

        var (other, transport) = (new DeliveryLog(1 << 20, 1), new FakeTransport());
        var leaving = new ClientConnection(8, "ws_8", _client.Request, _client.Encoding, transport, _time, 1 << 16) { Deliveries = other };
        _time.Advance(TimeSpan.FromSeconds(1));
        var closed = Now;
        leaving.Close(CloseCode.Unauthorized, "Token revoked");
        _time.Advance(TimeSpan.FromSeconds(1));
        leaving.Outbound.Abort();
        Assert.Equal(closed, leaving.Outbound.LostMicros);
        other.Ended(leaving, Now);
        var end = Assert.Single(other.FindEnds(static _ => true));
        Assert.Equal((CloseCode.Unauthorized, "Token revoked", closed, false), (end.Code, end.Reason, end.LostMicros, end.ByClient));
    }

    private sealed class Words : IQueueWords
    {
        public long NowMicros { get; set; }

        public byte[] EncodeGap(string channel, Epoch epoch, long from, long to) => [];
    }
}
