using BenchmarkDotNet.Attributes;
using Relay.Actors;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Micro.Bench;

/// <summary>
/// The replica's loop: one batch of events encoded once and given to 1,000 subscribers whose sockets take everything. One operation is one delivery;
/// what is left on a real node is the system call.
/// </summary>
[MemoryDiagnoser]
public class FanoutBenchmarks
{
    private const int Subscribers = 1000;
    private const int MostEvents = 64;
    private readonly Publication[] _one = Samples.Events(1);
    private readonly Publication[] _many = Samples.Events(MostEvents);
    private readonly List<OpenTransport> _transports = [];
    private RelaySystem _relay = null!;
    private SubscriberSet _subscribers = null!;

    [GlobalSetup]
    public void Start()
    {
        _relay = BenchRelay.Start();
        _subscribers = new SubscriberSet();
        var request = new ConnectionRequest { Dialect = Dialects.ByKind(DialectKind.Relay), Listener = "bench", RemoteAddress = "127.0.0.1:1" };
        for (var i = 0; i < Subscribers; i++)
        {
            _transports.Add(new OpenTransport());
            _subscribers.Add(new Subscription((ClientConnection)_relay.Open(request, _transports[i]), Samples.Channel));
        }
    }

    [GlobalCleanup]
    public Task Stop() => _relay.StopAsync(Timeout.InfiniteTimeSpan);

    /// <summary>One event at a time: what an unbatched delivery costs.</summary>
    [Benchmark(OperationsPerInvoke = Subscribers)]
    public void One_event_to_1000() => Send(_one);

    /// <summary>64 pending events in one batch.</summary>
    [Benchmark(OperationsPerInvoke = Subscribers * MostEvents)]
    public void Batch_of_64_events_to_1000() => Send(_many);

    private void Send(Publication[] events)
    {
        var before = _transports[^1].Bytes;
        FanoutLoop.Send(events, _subscribers);
        if (_transports[^1].Bytes == before)
        {
            throw new InvalidOperationException("Nothing was sent");
        }
    }
}
