using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

public sealed class ValueTests
{
    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("30s", 30_000)]
    [InlineData("5m", 300_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("00:00:30", 30_000)]
    [InlineData("1.00:00:00", 86_400_000)]
    [InlineData(" 1S ", 1000)]
    [InlineData("0", 0)]
    public void A_duration_is_read(string text, long milliseconds)
    {
        Assert.Null(Durations.Parse(text, out var value));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("-5s")]
    [InlineData("-00:00:05")]
    [InlineData("1.5s")]
    [InlineData("s")]
    [InlineData("soon")]
    [InlineData("99999999999999999d")]
    [InlineData("9223372036854775807ms")]
    public void What_is_no_duration_is_refused_with_the_forms_that_are(string text) =>
        Assert.Contains("30s", Durations.Parse(text, out _), StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("1ms")]
    [InlineData("250ms")]
    [InlineData("1s")]
    [InlineData("60s")]
    [InlineData("90s")]
    [InlineData("10m")]
    [InlineData("1h")]
    [InlineData("24h")]
    [InlineData("7d")]
    public void A_written_duration_reads_back_as_itself(string text)
    {
        Assert.Null(Durations.Parse(text, out var value));
        Assert.Null(Durations.Parse(Durations.Format(value), out var again));
        Assert.Equal(value, again);
    }

    [Theory]
    [InlineData("512", 512)]
    [InlineData("512B", 512)]
    [InlineData("64KiB", 65_536)]
    [InlineData("64 kib", 65_536)]
    [InlineData("1MiB", 1_048_576)]
    [InlineData("2GiB", 2_147_483_648)]
    [InlineData("64kB", 64_000)]
    [InlineData("1MB", 1_000_000)]
    [InlineData("1GB", 1_000_000_000)]
    public void A_size_is_read(string text, long bytes)
    {
        Assert.Null(ByteSizes.Parse(text, out var value));
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("KiB")]
    [InlineData("-1")]
    [InlineData("1.5MiB")]
    [InlineData("1,024")]
    [InlineData("1TiBs")]
    [InlineData("9223372036854775807GiB")]
    public void What_is_no_size_is_refused(string text) => Assert.Contains("64KiB", ByteSizes.Parse(text, out _), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, "0")]
    [InlineData(512, "512")]
    [InlineData(65_536, "64KiB")]
    [InlineData(1_048_576, "1MiB")]
    [InlineData(1_048_577, "1048577")]
    public void A_size_is_written_in_its_largest_unit(long bytes, string text) => Assert.Equal(text, ByteSizes.Format(bytes));

    [Theory]
    [InlineData("Limits:UnsendBytes", "Limits:UnsentBytes")]
    [InlineData("limits:unsentbytes", "Limits:UnsentBytes")]
    [InlineData("UnsentBytes", "Limits:UnsentBytes")]
    public void The_nearest_key_is_found(string text, string expected) =>
        Assert.Equal(expected, Nearest.Find(text, ["Drain:Seconds", "Limits:UnsentBytes", "Limits:MaxConnections"]));

    [Fact]
    public void Nothing_is_suggested_for_what_is_like_nothing() => Assert.Null(Nearest.Find("Elephant", ["Drain:Seconds", "Limits:UnsentBytes"]));

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("", "abc", 3)]
    [InlineData("Same", "sAME", 0)]
    public void The_distance_counts_edits_and_not_case(string left, string right, int distance) => Assert.Equal(distance, Nearest.Distance(left, right));

    [Fact]
    public void A_secret_prints_as_its_mask_wherever_it_is()
    {
        var key = new ApiKeyOptions("billing", new Secret("hunter2hunter2hunter2"), Rights.Publish);
        Assert.DoesNotContain("hunter2", $"{key} {new Secret("hunter2")}", StringComparison.Ordinal);
        Assert.Contains(Secret.Mask, key.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_problem_shows_a_hostile_value_on_one_short_line()
    {
        var shown = ConfigurationProblem.Printable("a\n\u001b[31m" + new string('x', 500));
        Assert.DoesNotContain(shown, char.IsControl);
        Assert.True(shown.Length < 150);
    }
}
