using BenchmarkDotNet.Running;
using Relay.Kernel.Bench;

switch (args)
{
    case ["--idle", ..]:
        IdleActors.Print();
        break;
    case ["--tell", ..]:
        TellRate.Print();
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(TellBenchmarks).Assembly).Run(args);
        break;
}
