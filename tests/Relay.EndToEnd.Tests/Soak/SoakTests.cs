using System.Globalization;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Soak;

/// <summary>
/// A day's life in short: clients come, subscribe, publish, go, come back and resume, chat sessions begin and end, streams open and close. Ten minutes in a long run, some hundred cycles otherwise.
/// Handles must be flat, in a long run memory and threads too.
/// </summary>
public sealed class SoakTests(ITestOutputHelper output)
{
    private const int Workers = 8;
    private const int Channels = 500;

    private static readonly TimeSpan Length = TimeSpan.FromSeconds(TestLength.Of(6, 600));

    // Of the memory at the end of the warm-up, and never less than what a collector keeps or gives back between two looks.
    private const double MostClimb = 0.05;
    private const double LeastMiB = 12;
    private const int MostThreads = 64;

    [Fact]
    public async Task Churn_of_connections_subscriptions_and_sessions_leaves_memory_handles_and_threads_flat()
    {
        // A collector that has room takes it: with a bound of 128 MiB for its heap what is left over shows, and a leak ends the node.
        await using var node = await NodeProcess.StartAsync(NodeStart.With(
            ("Limits:SessionResumeWindow", "1s"), ("Namespaces:topics:HistoryLength", "20"), ("Namespaces:topics:DedupeIds", "50"), ("Namespaces:topics:KeyedValues", "20"), ("Namespaces:global:HistoryLength", "100")) with
        { Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_GCHeapHardLimit"] = "0x8000000" } });
        using var end = new CancellationTokenSource();
        var began = TimeProvider.System.GetTimestamp();
        var cycles = 0L;
        async Task WorkAsync(int worker)
        {
            await Task.Yield();
            var random = new Random(worker);
            while (!end.IsCancellationRequested)
            {
                await CycleAsync(node, random);
                Interlocked.Increment(ref cycles);
            }
        }

        var workers = Enumerable.Range(0, Workers).Select(WorkAsync).ToList();
        var samples = new List<Sample>();
        while (TimeProvider.System.GetElapsedTime(began) < Length && workers.TrueForAll(static worker => !worker.IsCompleted))
        {
            await Task.Delay(Length / 60, TimeProvider.System);
            samples.Add(new Sample(TimeProvider.System.GetElapsedTime(began).TotalSeconds, node.ResidentBytes / 1048576.0, Directory.EnumerateFileSystemEntries($"/proc/{node.Id}/fd").Count(), ThreadsOf(node.Id)));
        }

        await end.CancelAsync();
        await Task.WhenAll(workers);
        var flat = Trend.AfterWarmUp(samples);
        var (memory, handles, threads) = (
            Trend.Climb([.. flat.Select(static one => (one.Seconds, one.ResidentMiB))]), Trend.Climb([.. flat.Select(static one => (one.Seconds, (double)one.Handles))]), Trend.Climb([.. flat.Select(static one => (one.Seconds, (double)one.Threads))]));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cycles} cycles in {samples[^1].Seconds:0} s; after warm-up {flat[0].ResidentMiB:0} -> {flat[^1].ResidentMiB:0} MiB (trend {memory:+0.0;-0.0}), {flat[0].Handles} -> {flat[^1].Handles} handles (trend {handles:+0.0;-0.0}), {flat[0].Threads} -> {flat[^1].Threads} threads (trend {threads:+0.0;-0.0})"));

        Assert.True(cycles > Workers, "nothing happened");

        // Some seconds tell nothing of memory, whose heap has not reached its bound, and little of threads, which the pool adds as they are needed.
        Assert.True(!TestLength.IsLong || memory < Math.Max(LeastMiB, MostClimb * flat[0].ResidentMiB), $"memory climbs by {memory:0.0} MiB: {string.Join(' ', samples.Select(static one => one.ResidentMiB.ToString("0", CultureInfo.InvariantCulture)))}");
        Assert.True(handles < 8 + Workers, $"handles climb by {handles:0.0}: {string.Join(' ', samples.Select(static one => one.Handles))}");
        Assert.True(TestLength.IsLong ? threads < 4 : samples.TrueForAll(static one => one.Threads < MostThreads), $"threads climb by {threads:0.0}: {string.Join(' ', samples.Select(static one => one.Threads))}");

        // Nobody is left, and what they subscribed to is not either.
        await Eventually.UntilAsync(async () => (await node.GetAsync("/stats?scope=node")).Json.Number("connectedClients") == 0, "no client is left");
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public void A_leak_is_told_from_noise()
    {
        var random = new Random(1);
        var noise = Enumerable.Range(0, 60).Select(i => ((double)i, 100 + (random.NextDouble() * 20))).ToList();
        Assert.InRange(Trend.Climb(noise), -6, 6);
        Assert.InRange(Trend.Climb([.. noise.Select(static one => (one.Item1, one.Item2 + (one.Item1 * 0.5)))]), 22, 36);
        Assert.Equal(0, Trend.Climb([(1, 5)]));
    }

    /// <summary>One client's life.</summary>
    private static async Task CycleAsync(NodeProcess node, Random random)
    {
        string session;
        await using (var first = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1"))
        {
            session = (await first.NextJsonAsync()).Text("session")!;
            for (var i = 0; i < 5; i++)
            {
                await first.SendAsync($$"""{"type":"subscribe","channel":"topics/soak-{{random.Next(Channels)}}","id":"s","presence":true}""");
            }

            await first.SendAsync("""{"type":"subscribe","channel":"topics/soak-1*","id":"p"}""");
            for (var i = 0; i < 5; i++)
            {
                await first.SendAsync($$"""{"type":"publish","channel":"topics/soak-{{random.Next(Channels)}}","event":"e","key":"k{{random.Next(40)}}","data":"{{new string('x', random.Next(2000))}}","id":"{{random.NextInt64()}}"}""");
            }

            await first.AssertAnswersAsync();
        }

        await using (var second = await node.NativeAsync())
        {
            await second.SendAsync($$"""{"type":"resume","id":"r","session":"{{session}}","positions":{} }""");
            await second.NextJsonAsync("id", "r");
        }

        switch (random.Next(40) switch { 0 => 0, < 14 => 1, < 27 => 2, _ => 3 })
        {
            case 0:
                var id = (await node.PostAsync("/api/sessions", "{}")).Json.GetProperty("data").Text("session_id");
                await node.PostAsync("/api/chat", $$"""{"session_id":"{{id}}","message":"hello"}""");
                await node.SendAsync(HttpMethod.Delete, "/api/sessions/" + id);
                break;
            case 1:
                await using (var context = await node.ContextAsync("/ws?agent_id=soak-" + random.Next(50)))
                {
                    await context.SendAsync($$"""{"type":"subscribe","channel":"topics/soak-{{random.Next(Channels)}}","id":"c"}""");
                    await context.NextJsonAsync("id", "c");
                }

                break;
            case 2:
                // Gone without a word, in the middle of a message.
                using (var rude = await RawSocket.ConnectAsync(node.Port("main")))
                {
                    await rude.OpenAsync("/relay", "Sec-WebSocket-Protocol: relay.v1");
                    await rude.SendAsync(RawSocket.Text("""{"type":"subscribe","channel":"topics/soak-1","id":"x"}""").AsMemory(0, 20));
                    rude.Reset();
                }

                break;
            default:
                using (var stream = await RawSocket.ConnectAsync(node.Port("main")))
                {
                    await stream.SendAsync($"GET /sse?channels=topics/soak-{random.Next(Channels)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
                    await stream.HeadAsync();
                }

                break;
        }
    }

    private static int ThreadsOf(int process) =>
        int.Parse(File.ReadLines($"/proc/{process}/status").First(static line => line.StartsWith("Threads:", StringComparison.Ordinal)).AsSpan(8).Trim(), CultureInfo.InvariantCulture);
}
