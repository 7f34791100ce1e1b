using BenchmarkDotNet.Attributes;
using Relay.Kernel;

namespace Relay.Micro.Bench;

/// <summary>
/// One operation is one message told and handled; a round ends when the last one was. The kernel's own benchmarks (bench/Relay.Kernel.Bench) look closer;
/// this one stands here to be compared with the other steps of a message's way in the same run.
/// </summary>
[MemoryDiagnoser]
public class MailboxBenchmarks
{
    private const int Messages = 100_000;
    private readonly ManualResetEventSlim _done = new();
    private readonly object _message = new();
    private ActorSystem _system = null!;
    private IActorRef _counter = null!;

    [GlobalSetup]
    public void Start()
    {
        _system = ActorSystem.Create("bench");
        _counter = _system.ActorOf(Props.Create(() => new Counter(Messages, _done)));
    }

    [GlobalCleanup]
    public Task Stop() => _system.TerminateAsync(Timeout.InfiniteTimeSpan);

    /// <summary>From a thread outside; the queue may grow to the whole round.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public void Tell_from_outside()
    {
        _done.Reset();
        for (var i = 0; i < Messages; i++)
        {
            _counter.Tell(_message);
        }

        _done.Wait();
    }

    private sealed class Counter(int expected, ManualResetEventSlim done) : ActorBase
    {
        private int _seen;

        protected override void OnReceive(object message)
        {
            if (++_seen == expected)
            {
                _seen = 0;
                done.Set();
            }
        }
    }
}
