using System.Diagnostics.Metrics;
using Relay.Actors.Bridges;
using Relay.Bridges.Tests.Support;
using Relay.Kernel.TestKit;
using Relay.Protocol;
using Relay.Testing;

namespace Relay.Bridges.Tests.Actors;

public sealed class BridgeFaultsTests
{
    [Fact]
    public void Each_kind_is_logged_at_most_once_per_ten_seconds_with_the_number_since()
    {
        var (time, log, relay) = (new ManualTime(), new LogLines(), new FakeRelay());
        using var meter = new Meter(BridgeMetrics.MeterName);
        using var sums = new CounterSums(meter);
        var faults = new BridgeServices(relay.PublishAsync, log, meter, time, new Random(1), new TellPublisher(relay.PublishAsync).Tell).Faults;
        for (var i = 0; i < 5; i++)
            faults.Report("http", EnvelopeFault.NotJson);
        faults.Report("http", EnvelopeFault.NotObject);
        time.Advance(TimeSpan.FromSeconds(10));
        faults.Report("redis-updates", EnvelopeFault.NotJson);
        Assert.Equal(
            [
                "Warning 120 Bridge http: 1 messages cannot be delivered (1 since the start): not valid JSON in UTF-8",
                "Warning 120 Bridge http: 1 messages cannot be delivered (1 since the start): not a JSON object",
                "Warning 120 Bridge redis-updates: 5 messages cannot be delivered (6 since the start): not valid JSON in UTF-8",
            ],
            log.Lines);
        Assert.Equal(5, sums["relay.bridge.dropped source=http fault=NotJson"]);
    }

    [Fact]
    public void Every_fault_has_a_sentence() =>
        Assert.All(Enum.GetValues<EnvelopeFault>().Except([EnvelopeFault.None]), static fault => Assert.Contains(' ', BridgeFaults.Explain(fault)));
}
