using BenchmarkDotNet.Attributes;

namespace Relay.Kernel.Bench;

/// <summary>Each operation is one message; every round waits until the last one was handled.</summary>
[MemoryDiagnoser]
public class TellBenchmarks
{
    private const int Messages = 1_000_000;
    private readonly ManualResetEventSlim _done = new();
    private ActorSystem _system = null!;
    private IActorRef _pipeliner = null!;
    private IActorRef[] _producers = null!;

    [Params(4)]
    public int Producers { get; set; }

    [GlobalSetup]
    public void Start()
    {
        _system = ActorSystem.Create("bench");
        var ball = new object();
        var echo = _system.ActorOf(Props.Create<EchoActor>());

        // A message there and one back is two tells.
        _pipeliner = _system.ActorOf(Props.Create(() => new Pipeliner(echo, 1000, Messages / 2, ball, _done)));
        var sink = _system.ActorOf(Props.Create(() => new Counter(Messages, _done)));
        _producers = [.. Enumerable.Range(0, Producers).Select(_ => _system.ActorOf(Props.Create(() => new Producer(sink, Messages / Producers / Producer.Chunk, ball))))];
    }

    [GlobalCleanup]
    public Task Stop() => _system.TerminateAsync(Timeout.InfiniteTimeSpan);

    [Benchmark(OperationsPerInvoke = Messages)]
    public void Tell_pipelined_between_two_actors()
    {
        _done.Reset();
        _pipeliner.Tell(Go.Instance);
        _done.Wait();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public void Tell_many_to_one()
    {
        _done.Reset();
        foreach (var producer in _producers)
        {
            producer.Tell(Go.Instance);
        }

        _done.Wait();
    }
}

/// <summary>One question at a time from outside, and many at once.</summary>
[MemoryDiagnoser]
public class AskBenchmarks
{
    private const int Parallel = 1000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly Task[] _asks = new Task[Parallel];
    private ActorSystem _system = null!;
    private IActorRef _echo = null!;

    [GlobalSetup]
    public void Start()
    {
        _system = ActorSystem.Create("bench");
        _echo = _system.ActorOf(Props.Create<EchoActor>());
    }

    [GlobalCleanup]
    public Task Stop() => _system.TerminateAsync(Timeout.InfiniteTimeSpan);

    [Benchmark]
    public Task<object> Ask_one_round_trip() => _echo.Ask<object>(Go.Instance, Patience);

    [Benchmark(OperationsPerInvoke = Parallel)]
    public Task Ask_a_thousand_at_once()
    {
        for (var i = 0; i < Parallel; i++)
        {
            _asks[i] = _echo.Ask<object>(Go.Instance, Patience);
        }

        return Task.WhenAll(_asks);
    }
}

/// <summary>Each operation is the whole life of one child.</summary>
[MemoryDiagnoser]
public class SpawnBenchmarks
{
    private const int Children = 10_000;
    private readonly ManualResetEventSlim _done = new();
    private ActorSystem _system = null!;
    private IActorRef _nursery = null!;

    [GlobalSetup]
    public void Start()
    {
        _system = ActorSystem.Create("bench");
        _nursery = _system.ActorOf(Props.Create(() => new Nursery(Children, _done)));
    }

    [GlobalCleanup]
    public Task Stop() => _system.TerminateAsync(Timeout.InfiniteTimeSpan);

    [Benchmark(OperationsPerInvoke = Children)]
    public void Spawn_and_stop()
    {
        _done.Reset();
        _nursery.Tell(Go.Instance);
        _done.Wait();
    }
}
