using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Relay.Kernel.Measuring;
using Relay.Node.Telemetry;

namespace Relay.Node.Tests.Telemetry;

public sealed class MetricStoreTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly IMeterFactory _factory;
    private readonly Meter _meter;
    private readonly MetricStore _store;

    public MetricStoreTests()
    {
        _factory = _services.GetRequiredService<IMeterFactory>();
        _meter = _factory.Create("Relay.Test");
        _store = new MetricStore(_factory);
        _store.Start();
    }

    public void Dispose()
    {
        _store.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Counters_add_up_by_their_tags()
    {
        var counter = _meter.CreateCounter<long>("c");
        counter.Add(1, new("a", "x"), new("b", 2));
        counter.Add(4, new("a", "y"), new("b", 2));
        counter.Add(2, new("a", "x"), new("b", 2));
        var metric = Collected("c");
        Assert.Equal(MetricKind.Counter, metric.Kind);
        Assert.Equal(["x,2=3", "y,2=4"], Shown(metric), StringComparer.Ordinal);
    }

    [Fact]
    public void Up_down_counters_and_gauges_are_what_they_are_now()
    {
        var open = _meter.CreateUpDownCounter<int>("open");
        var level = _meter.CreateGauge<double>("level");
        open.Add(3);
        open.Add(-1);
        level.Record(7);
        level.Record(5.5);
        Assert.Equal((MetricKind.Gauge, 2.0), (Collected("open").Kind, Collected("open").Series.Single().Value));
        Assert.Equal((MetricKind.Gauge, 5.5), (Collected("level").Kind, Collected("level").Series.Single().Value));
    }

    [Fact]
    public void Observable_instruments_are_asked_and_what_they_no_longer_name_is_gone()
    {
        var names = new List<string> { "a", "b" };
        _meter.CreateObservableCounter("o", () => names.Select(static name => new Measurement<long>(name[0], new KeyValuePair<string, object?>("n", name))));
        Assert.Equal(["a=97", "b=98"], Shown(Collected("o")), StringComparer.Ordinal);
        names.Remove("a");
        Assert.Equal(["b=98"], Shown(Collected("o")), StringComparer.Ordinal);
        names.Add("a");
        Assert.Equal(["a=97", "b=98"], Shown(Collected("o")).Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public void An_instrument_that_cannot_be_read_does_not_take_the_others_along()
    {
        _meter.CreateObservableGauge("bad", long () => throw new InvalidOperationException());
        _meter.CreateObservableGauge("good", () => 1L);
        Assert.Equal(1, Collected("good").Series.Single().Value);
        Assert.Empty(Collected("bad").Series);
    }

    [Fact]
    public void Histograms_take_the_bounds_they_are_advised_a_value_on_a_bound_lies_below_it()
    {
        var histogram = _meter.Histogram(Metric.Histogram("h", "s", "", [1, 2, 5], new MetricTag("n", "")));
        foreach (var value in new[] { 0.5, 1, 1.5, 5, 5.1, double.NaN })
        {
            histogram.Record(value, new KeyValuePair<string, object?>("n", "x"));
        }

        var series = Collected("h").Series.Single();
        Assert.Equal([1, 2, 5], series.Bounds);
        Assert.Equal([2, 1, 1, 1], series.Counts);
        Assert.Equal(13.1, series.Value, 9);
    }

    [Fact]
    public void Nothing_is_lost_when_many_threads_measure_at_once()
    {
        var counter = _meter.CreateCounter<long>("n");
        var histogram = _meter.CreateHistogram<double>("t");
        Parallel.For(0, 40_000, i =>
        {
            counter.Add(1, new KeyValuePair<string, object?>("of", i % 3));
            histogram.Record(1);
        });
        Assert.Equal(40_000, Collected("n").Series.Sum(static series => series.Value));
        Assert.Equal((40_000, 40_000.0), (Collected("t").Series.Single().Counts.Sum(), Collected("t").Series.Single().Value));
    }

    [Fact]
    public void Series_are_bounded_and_what_is_beyond_is_counted_in_one()
    {
        var counter = _meter.CreateCounter<long>("many");
        for (var i = 0; i < InstrumentSeries.MostSeries + 10; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("user", i));
        }

        var series = Collected("many").Series;
        Assert.Equal(InstrumentSeries.MostSeries + 1, series.Count);
        Assert.Equal(10, series.Single(static one => one.Tags[0].Key == InstrumentSeries.OverflowTag).Value);
    }

    [Fact]
    public void Meters_of_another_node_in_the_process_and_of_libraries_are_not_ours()
    {
        using var other = new ServiceCollection().AddMetrics().BuildServiceProvider();
        other.GetRequiredService<IMeterFactory>().Create("Relay.Test").CreateCounter<long>("c").Add(1);
        using var library = new Meter("Some.Library");
        library.CreateCounter<long>("c").Add(1);
        Assert.DoesNotContain(_store.Collect(), static metric => metric.Name == "c");
        Assert.Contains(_store.Collect(), static metric => metric.Name == "dotnet.process.memory.working_set");
    }

    private MetricSnapshot Collected(string name) => _store.Collect().Single(metric => metric.Name == name);

    private static IEnumerable<string> Shown(MetricSnapshot metric) => metric.Series.Select(static series => string.Join(',', series.Tags.Select(static tag => tag.Value)) + "=" + series.Value);
}
