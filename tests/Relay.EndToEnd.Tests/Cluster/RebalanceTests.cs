using Relay.EndToEnd.Tests.Durability;
using Relay.History;
using Relay.Testing;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Clients even out over the nodes after one has come.</summary>
public sealed class RebalanceTests(ITestOutputHelper output)
{
    private const int Subscribers = 60;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(120);
    private static readonly string[] Channels = ["topics/even-1", "topics/even-2"];

    [Fact]
    public async Task After_a_node_has_come_clients_move_to_it_a_few_at_a_time_and_miss_nothing()
    {
        using var recorder = new HistoryRecorder();
        await using var cluster = await RollingCluster.StartAsync(1, ("Namespaces:topics:HistoryLength", "100000"), ("Cluster:RebalanceTime", "10s"));
        var subscribers = Enumerable.Range(0, Subscribers).Select(n => new RollingSubscriber($"s{n}", Channels, cluster, recorder)).ToList();
        var publisher = new RollingPublisher("p", Channels, cluster, recorder);
        var listening = subscribers.ConvertAll(static one => one.RunAsync());
        await Task.WhenAll(subscribers.Select(static one => one.BeganAsync())).WaitAsync(Bound, TimeProvider.System);
        var publishing = publisher.RunAsync();
        Assert.All(subscribers, one => Assert.Same(cluster.Nodes[0], one.Node));
        var came = await cluster.AddAsync();
        await Eventually.Until(() => subscribers.Count(one => one.Node == came) >= Subscribers * 0.425, Bound);
        publisher.Stop();
        await publishing.WaitAsync(Bound, TimeProvider.System);
        var heads = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var channel in Channels)
        {
            heads[channel] = await JournalReader.RecordAsync(came, channel, recorder);
        }

        subscribers.ForEach(one => one.Finish(heads));
        await Task.WhenAll(listening).WaitAsync(Bound, TimeProvider.System);
        var report = HistoryChecker.Check(recorder.Entries);
        var aways = subscribers.SelectMany(static one => one.Aways).ToList();
        output.WriteLine($"{aways.Count} reconnects, {subscribers.Count(one => one.Node == came)} of {Subscribers} clients on the new node\n{report}");
        Assert.True(report.Findings.Count == 0, report.ToString());
        Assert.Equal(report.Published, report.Stored);
        Assert.DoesNotContain(recorder.Entries.OfType<Subscribed>(), static one => one.Recovered == false);
        Assert.All(aways, static one => Assert.Equal((1012, "rebalance"), (one.Code, one.Reason)));
        foreach (var subscriber in subscribers)
        {
            await subscriber.DisposeAsync();
        }
    }
}
