using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Nodes that leave a cluster while it is used (guarantees.md 4 and 10).</summary>
public sealed class RollingRestartTests(ITestOutputHelper output)
{
    /// <summary>In a long run more than what the first two nodes need to be empty in time, less than what the third needs: it has most clients by then, and the bound holds them back.</summary>
    private static readonly int PerSecond = TestLength.IsLong ? 120 : 20;

    private static readonly string Drain = TestLength.IsLong ? "25" : "8";
    private static readonly int Subscribers = TestLength.IsLong ? 5000 : 240;

    /// <summary>For a failing test.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(180);

    /// <summary>Behind its announced instant, until a client is back. Long runs have the machine for themselves; else this only tells that it came back at all.</summary>
    private static readonly TimeSpan Latest = TimeSpan.FromSeconds(TestLength.IsLong ? 2 : 60);

    private static readonly string[] Channels = [.. Enumerable.Range(1, Subscribers / 20).Select(static n => $"topics/roll-{n}")];

    [Fact]
    public async Task A_rolling_restart_loses_and_repeats_nothing_and_brings_no_more_clients_back_at_once_than_allowed()
    {
        using var recorder = new HistoryRecorder();
        await using var cluster = await RollingCluster.StartAsync(
            3, ("Namespaces:topics:HistoryLength", "100000"), ("Drain:Seconds", Drain), ("Drain:ReconnectsPerSecond", $"{PerSecond}"));
        var subscribers = Enumerable.Range(0, Subscribers)
            .Select(n => new RollingSubscriber($"s{n}", [Channels[n % Channels.Length], Channels[(n + 5) % Channels.Length]], cluster, recorder)).ToList();
        var publishers = Enumerable.Range(1, 3).Select(n => new RollingPublisher($"p{n}", Channels, cluster, recorder) { Pace = TimeSpan.FromMilliseconds(TestLength.IsLong ? 45 : 15) }).ToList();
        var listening = subscribers.ConvertAll(static one => one.RunAsync());
        await (await Task.WhenAny([Task.WhenAll(subscribers.Select(static one => one.BeganAsync())), .. listening])).WaitAsync(Bound, TimeProvider.System);
        var publishing = publishers.ConvertAll(static one => one.RunAsync());
        for (var number = 1; number <= 3; number++)
        {
            Assert.Equal(0, await cluster.RestartAsync(number));
        }

        publishers.ForEach(static one => one.Stop());
        await Task.WhenAll(publishing).WaitAsync(Bound, TimeProvider.System);
        var heads = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var channel in Channels)
        {
            heads[channel] = await JournalReader.RecordAsync(cluster.Nodes[0], channel, recorder);
        }

        subscribers.ForEach(one => one.Finish(heads));
        await Task.WhenAll(listening).WaitAsync(Bound, TimeProvider.System);
        foreach (var subscriber in subscribers)
        {
            await subscriber.DisposeAsync();
        }

        var aways = subscribers.SelectMany(static one => one.Aways).ToList();
        var report = HistoryChecker.Check(recorder.Entries);
        var late = aways.Select(static one => one.Late.TotalMilliseconds).Order().ToList();
        output.WriteLine($"{Subscribers} clients, {aways.Count} times sent away for up to {aways.Max(static one => one.After).TotalSeconds:f1} s, back {late[late.Count / 2]:f0} ms after the instant (p50), "
            + $"{late[late.Count * 99 / 100]:f0} ms (p99), {late[^1]:f0} ms at the latest, "
            + $"at most {Most(aways.Select(static one => one.At + one.After))} announced, {Most(aways.Select(static one => one.Tried))} coming and {Most(aways.Select(static one => one.Back))} back within a second, "
            + $"{subscribers.Sum(static one => one.Postponed)} postponed\n{report}");
        Assert.True(report.Findings.Count == 0, report.ToString());
        Assert.Equal(0, report.ToldGaps);
        Assert.Equal(report.Published, report.Stored);
        Assert.DoesNotContain(recorder.Entries.OfType<Subscribed>(), static one => one.Recovered == false);
        CompleteLogs.Assert(recorder.Entries);

        // Everybody was on a node that left, once at least.
        Assert.InRange(aways.Count, Subscribers, 3 * Subscribers);
        Assert.All(aways, static one => Assert.Equal((1012, "drain"), (one.Code, one.Reason)));
        Assert.All(aways, static one => Assert.True(one.Late < Latest, $"{one}"));

        // What is announced keeps to the bound; a frame's own way to its client moves an instant, and a starved machine many at once.
        var most = TestLength.IsLong ? PerSecond + (PerSecond / 5) : 3 * PerSecond;
        Assert.InRange(Most(aways.Select(static one => one.At + one.After)), 1, most);
        Assert.InRange(Most(aways.Select(static one => one.Tried)), 1, most);
    }

    [Fact]
    public async Task Clients_that_cannot_be_told_are_closed_one_by_one_and_event_streams_say_when_to_come_back()
    {
        await using var cluster = await RollingCluster.StartAsync(2, ("Drain:Seconds", "4"), ("Drain:ReconnectsPerSecond", "10"));
        var node = cluster.Nodes[0];
        await using var native = await node.NativeAsync();
        await using var context = await node.ContextAsync();
        await using var hooks = await node.HooksAsync();
        using var http = new HttpClient();
        await using var stream = await http.GetStreamAsync(node.Http("/sse?channels=topics/a"));
        using var lines = new StreamReader(stream);
        var leaving = node.StopAsync();
        var told = await native.NextJsonAsync("type", "reconnect");
        await native.AssertAnswersAsync();
        Assert.Equal((1001, 1001), ((await context.EndAsync()).Code, (await hooks.EndAsync()).Code));

        // The slots of the three who are not told come before.
        Assert.InRange(told.Number("after_ms"), 300, 4000);
        Assert.Equal(1012, (await native.EndAsync()).Code);
        Assert.Contains("event: reconnect", await lines.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await leaving);
        node.AssertNoFailuresInLog();
    }

    private static int Most(IEnumerable<DateTimeOffset> instants)
    {
        var sorted = instants.Order().ToList();
        var most = 0;
        for (int first = 0, last = 0; last < sorted.Count; last++)
        {
            while (sorted[last] - sorted[first] >= TimeSpan.FromSeconds(1))
            {
                first++;
            }

            most = Math.Max(most, last - first + 1);
        }

        return most;
    }
}
