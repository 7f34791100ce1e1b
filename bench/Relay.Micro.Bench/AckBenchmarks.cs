using System.Globalization;
using BenchmarkDotNet.Attributes;
using Relay.Actors;
using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Micro.Bench;

/// <summary>
/// The way of a publisher. One operation is one publish with its ack; a read brings 64, and a round ends when the 64th ack was given to the socket.
/// </summary>
[MemoryDiagnoser]
public class AckBenchmarks
{
    private const int Publishes = 64;
    private readonly SemaphoreSlim _done = new(0);
    private readonly byte[] _publish = Samples.Publish(0);
    private readonly PublishedMessage[] _acks =
    [
        .. Enumerable.Range(1, Publishes).Select(static offset => new PublishedMessage
        {
            TimestampMicros = 1_767_225_600_000_000,
            RequestId = new RequestId("\"000000000001\""u8.ToArray()),
            Position = new StreamPosition(new Epoch(0x12345), offset),
            Subscribers = 1000,
        }),
    ];

    private RelaySystem _relay = null!;
    private ClientConnection _acked = null!;
    private IMessageHandler _publisher = null!;
    private long _number;

    [GlobalSetup]
    public void Start()
    {
        _relay = BenchRelay.Start();
        var request = new ConnectionRequest { Dialect = Dialects.ByKind(DialectKind.Relay), Listener = "bench", RemoteAddress = "127.0.0.1:1" };
        _acked = (ClientConnection)_relay.Open(request, new OpenTransport());
        _publisher = _relay.Open(request, new AckCounter(Publishes, _done));
    }

    [GlobalCleanup]
    public Task Stop() => _relay.StopAsync(Timeout.InfiniteTimeSpan);

    /// <summary>64 acks framed and sent with one call.</summary>
    [Benchmark(OperationsPerInvoke = Publishes)]
    public void Acks_of_one_turn() => _acked.Send(_acks);

    /// <summary>Decode, connection's actor, channel's actor (dedupe, offset, history), reply, ack: everything but the socket.</summary>
    [Benchmark(OperationsPerInvoke = Publishes)]
    public async Task Publish_to_ack()
    {
        for (var i = 0; i < Publishes; i++)
        {
            // The number stands before the closing quote and brace; each publish needs its own, or the channel takes it for a repeat.
            (++_number).TryFormat(_publish.AsSpan(_publish.Length - 14, 12), out _, "d12", CultureInfo.InvariantCulture);
            _publisher.OnMessage(_publish, binary: false);
        }

        // What follows the first of these may run inside a turn of the connection's actor, which must not be blocked: the ack comes from that actor.
        await _publisher.OnReadCompletedAsync(messageIncomplete: false);
        await _done.WaitAsync();
    }
}
