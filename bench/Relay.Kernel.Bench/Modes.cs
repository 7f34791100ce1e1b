using System.Diagnostics;

namespace Relay.Kernel.Bench;

/// <summary>Managed bytes per idle actor: all of it, the actor object included.</summary>
internal static class IdleActors
{
    private const int Count = 500_000;

    public static void Print()
    {
        var system = ActorSystem.Create("idle");
        Report(system, "unnamed", static _ => null);
        Report(system, "named, with its string", static i => "channel-" + i);
        system.TerminateAsync(Timeout.InfiniteTimeSpan).Wait();
    }

    private static void Report(ActorSystem system, string kind, Func<int, string?> name)
    {
        var refs = new IActorRef[Count];
        using var started = new CountdownEvent(Count);
        var props = Props.Create(() => new Starter(started));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++)
        {
            refs[i] = system.ActorOf(props, name(i));
        }

        started.Wait();
        var after = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine($"{kind}: {(after - before) / (double)Count:F1} bytes per idle actor ({Count:N0} actors)");
        foreach (var one in refs)
        {
            system.Stop(one);
        }

        SpinWait.SpinUntil(() => system.Statistics.LiveActors == 0);
    }

    private sealed class Starter : ActorBase
    {
        public Starter(CountdownEvent started) => started.Signal();

        protected override void OnReceive(object message) => Unhandled(message);
    }
}

/// <summary>
/// Rate and CPU per tell without a harness. The figure per core is messages by CPU seconds of the whole process (garbage collection and
/// both ends included), so it does not depend on how many cores the pool found free.
/// </summary>
internal static class TellRate
{
    private const int Messages = 10_000_000;
    private const int Rounds = 5;

    public static void Print()
    {
        var system = ActorSystem.Create("rate");
        using var done = new ManualResetEventSlim();
        var ball = new object();
        var echo = system.ActorOf(Props.Create<EchoActor>());
        var pipeliner = system.ActorOf(Props.Create(() => new Pipeliner(echo, 1000, Messages / 2, ball, done)));
        var pingPong = system.ActorOf(Props.Create(() => new Pipeliner(echo, 1, Messages / 20, ball, done)));
        var sink = system.ActorOf(Props.Create(() => new Counter(Messages, done)));
        var single = system.ActorOf(Props.Create(() => new Producer(sink, Messages / Producer.Chunk, ball)));
        var flood = system.ActorOf(Props.Create(() => new Producer(sink, 1, ball, Messages)));
        var producers = Enumerable.Range(0, 4)
            .Select(_ => system.ActorOf(Props.Create(() => new Producer(sink, Messages / 4 / Producer.Chunk, ball)))).ToArray();
        for (var round = 0; round < Rounds; round++)
        {
            Measure("1:1 both ways, window 1000", done, () => pipeliner.Tell(Go.Instance));
            Measure("1:1 both ways, window 1   ", done, () => pingPong.Tell(Go.Instance), Messages / 10);
            Measure("1:1 one way, window 1000  ", done, () => single.Tell(Go.Instance));
            Measure("1:1 one way, no window    ", done, () => flood.Tell(Go.Instance));
            Measure("4:1, window 1000 each     ", done, () => Array.ForEach(producers, one => one.Tell(Go.Instance)));
        }

        system.TerminateAsync(Timeout.InfiniteTimeSpan).Wait();
    }

    private static void Measure(string name, ManualResetEventSlim done, Action start, int messages = Messages)
    {
        done.Reset();
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var from = TimeProvider.System.GetTimestamp();
        start();
        done.Wait();
        var wall = TimeProvider.System.GetElapsedTime(from);
        process.Refresh();
        var used = process.TotalProcessorTime - cpu;
        Console.WriteLine($"{name}: {messages / wall.TotalSeconds / 1e6,6:F1} M/s, {messages / used.TotalSeconds / 1e6,6:F1} M/s per core, {used.TotalNanoseconds / messages,6:F1} ns CPU each");
    }
}
