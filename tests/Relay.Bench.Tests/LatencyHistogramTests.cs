using Relay.Bench.Measure;

namespace Relay.Bench.Tests;

public class LatencyHistogramTests
{
    private static readonly double[] Percents = [0, 1, 25, 50, 90, 99, 99.9, 99.99, 100];

    [Fact]
    public void Percentiles_of_values_over_nine_decades_are_off_by_less_than_one_percent()
    {
        var random = new Random(17);
        var histogram = new LatencyHistogram();
        var values = new long[100_000];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (long)Math.Pow(10, random.NextDouble() * 12);
            histogram.Record(values[i]);
        }

        Array.Sort(values);
        foreach (var percent in Percents)
        {
            var exact = values[Math.Clamp((int)Math.Ceiling(percent / 100 * values.Length) - 1, 0, values.Length - 1)];
            Assert.InRange(histogram.Percentile(percent), exact * 0.99, exact * 1.01);
        }

        Assert.Equal(values[0], histogram.Min);
        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values.Average(), histogram.Mean, values.Average() * 1e-9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(long.MaxValue)]
    public void A_single_value_is_every_percentile(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        Assert.All(Percents, percent => Assert.Equal(value, histogram.Percentile(percent), value * 1e-15));
    }

    [Fact]
    public void Two_histograms_added_are_one_that_saw_both()
    {
        var (left, right, both) = (new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram());
        for (var i = 1; i <= 1000; i++)
        {
            (i % 3 == 0 ? left : right).Record(i * 1000);
            both.Record(i * 1000);
        }

        left.Add(right);
        left.Add(new LatencyHistogram());
        Assert.Equal(both.Count, left.Count);
        Assert.Equal(both.Min, left.Min);
        Assert.Equal(both.Max, left.Max);
        Assert.Equal(both.Mean, left.Mean, 1e-6);
        Assert.All(Percents, percent => Assert.Equal(both.Percentile(percent), left.Percentile(percent)));
    }

    [Fact]
    public void An_empty_histogram_says_zero_and_a_negative_value_counts_as_zero()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal(0, histogram.Percentile(99));
        Assert.Equal(0, histogram.Mean);
        histogram.Record(-5);
        Assert.Equal(1, histogram.Count);
        Assert.Equal(0, histogram.Max);
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.Percentile(100.1));
    }
}
