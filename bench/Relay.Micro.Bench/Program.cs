using BenchmarkDotNet.Running;
using Relay.Micro.Bench;

BenchmarkSwitcher.FromAssembly(typeof(DecodeBenchmarks).Assembly).Run(args);
