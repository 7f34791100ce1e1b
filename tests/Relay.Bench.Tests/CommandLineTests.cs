namespace Relay.Bench.Tests;

public class CommandLineTests
{
    [Theory]
    [InlineData("--subscribers", "many")]
    [InlineData("--subscribers", "0")]
    [InlineData("--channels", "200")]
    [InlineData("--publishers", "0")]
    [InlineData("--rate", "0")]
    [InlineData("--rate", "fast")]
    [InlineData("--window", "0")]
    [InlineData("--payload", "20")]
    [InlineData("--seconds", "-1")]
    [InlineData("--warm-up", "-1")]
    [InlineData("--dialect", "klingon")]
    [InlineData("--publish-via", "redis")]
    [InlineData("--publish-via", "pigeon")]
    [InlineData("--url", "localhost")]
    [InlineData("--url", "https://127.0.0.1:1")]
    [InlineData("--redis", "nowhere")]
    [InlineData("--server-pid", "2147483647")]
    [InlineData("--threads", "0")]
    [InlineData("--connect-rate", "-1")]
    [InlineData("--http-pipeline", "0")]
    [InlineData("--missed", "0")]
    [InlineData("--missed", "1000001")]
    [InlineData("--restart-command", "true")]
    public async Task A_wrong_value_is_refused_by_the_name_of_its_option(string option, string value)
    {
        var (code, output, error) = await RunAsync(option, value);
        Assert.Equal(BenchProgram.WrongOptions, code);
        Assert.Contains(option, error, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    [Fact]
    public async Task An_unknown_option_is_refused_by_its_name()
    {
        var (code, _, error) = await RunAsync("--subscribrs", "5");
        Assert.Equal(BenchProgram.WrongOptions, code);
        Assert.Contains("--subscribrs", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_and_a_closed_loop_exclude_each_other()
    {
        var (code, _, error) = await RunAsync("--rate", "5", "--window", "5");
        Assert.Equal(BenchProgram.WrongOptions, code);
        Assert.Contains("--rate", error, StringComparison.Ordinal);
        Assert.Contains("--window", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--resume", "--resume", "--dialect", "context")]
    [InlineData("--resume", "--resume", "--rate", "5")]
    [InlineData("--resume", "--resume", "--idle")]
    [InlineData("--publishers", "--resume", "--publishers", "2")]
    public async Task Coming_back_excludes_what_has_no_positions_and_other_loads(string named, params string[] args)
    {
        var (code, output, error) = await RunAsync(args);
        Assert.Equal(BenchProgram.WrongOptions, code);
        Assert.Contains(named + (named == "--publishers" ? " 2" : ":"), error, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    [Fact]
    public async Task All_mistakes_are_told_at_once()
    {
        var (_, _, error) = await RunAsync("--subscribers", "0", "--payload", "1", "--seconds", "0");
        Assert.Contains("--subscribers", error, StringComparison.Ordinal);
        Assert.Contains("--payload", error, StringComparison.Ordinal);
        Assert.Contains("--seconds", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_every_option_and_the_exit_codes()
    {
        var (code, output, _) = await RunAsync("--help");
        Assert.Equal(0, code);
        foreach (var option in new[] { "--url", "--dialect", "--rate", "--window", "--payload", "--connect-rate", "--warm-up", "--server-pid", "--json", "--output", "--resume", "--missed", "--restart-command" })
        {
            Assert.Contains(option, output, StringComparison.Ordinal);
        }

        Assert.Contains("Exit codes", output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await BenchProgram.RunAsync(args, output, error, null, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
