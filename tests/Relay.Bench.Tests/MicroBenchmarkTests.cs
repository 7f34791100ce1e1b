using System.Reflection;
using BenchmarkDotNet.Attributes;
using Relay.Micro.Bench;

namespace Relay.Bench.Tests;

public class MicroBenchmarkTests
{
    public static TheoryData<string> Names =>
        [.. typeof(DecodeBenchmarks).Assembly.GetExportedTypes()
            .SelectMany(static type => type.GetMethods().Where(static method => method.GetCustomAttribute<BenchmarkAttribute>() is not null))
            .Select(static method => $"{method.DeclaringType!.Name}.{method.Name}")];

    /// <summary>They throw when they did not do what they measure: nobody would notice in a column of nanoseconds.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_benchmark_does_its_work_twice(string name)
    {
        var type = typeof(DecodeBenchmarks).Assembly.GetExportedTypes().Single(type => type.Name == name.Split('.')[0]);
        var benchmarks = Activator.CreateInstance(type)!;
        await InvokeAsync(benchmarks, static method => method.GetCustomAttribute<GlobalSetupAttribute>() is not null);
        await InvokeAsync(benchmarks, method => method.Name == name.Split('.')[1]);
        await InvokeAsync(benchmarks, method => method.Name == name.Split('.')[1]);
        await InvokeAsync(benchmarks, static method => method.GetCustomAttribute<GlobalCleanupAttribute>() is not null);
    }

    private static async Task InvokeAsync(object benchmarks, Func<MethodInfo, bool> wanted)
    {
        foreach (var method in benchmarks.GetType().GetMethods().Where(wanted))
        {
            if (method.Invoke(benchmarks, null) is Task running)
            {
                await running.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System);
            }
        }
    }
}
