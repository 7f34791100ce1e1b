using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--help", Errand.Help)]
    [InlineData("-h", Errand.Help)]
    [InlineData("--version", Errand.Version)]
    [InlineData("--check", Errand.Check)]
    public void A_flag_is_an_errand(string flag, Errand errand) => Assert.Equal(errand, CommandLine.Parse([flag]).Errand);

    [Fact]
    public void A_flag_does_not_swallow_the_setting_behind_it()
    {
        var line = CommandLine.Parse(["--check", "--Relay:Drain:Seconds=1"]);
        Assert.Equal(Errand.Check, line.Errand);
        Assert.Equal(["--Relay:Drain:Seconds=1"], line.Settings, StringComparer.Ordinal);
    }

    [Fact]
    public void A_value_may_stand_behind_its_key()
    {
        var line = CommandLine.Parse(["--Relay:Drain:Seconds", "1", "--Logging:LogLevel:Default=Debug"]);
        Assert.Equal(["--Relay:Drain:Seconds=1", "--Logging:LogLevel:Default=Debug"], line.Settings, StringComparer.Ordinal);
        Assert.Empty(line.Problems);
    }

    [Theory]
    [InlineData("--Redis:Endpoints=h", "did you mean --Relay:Redis:Endpoints=…?")]
    [InlineData("--hepl", "did you mean --help?")]
    [InlineData("--chekc", "did you mean --check?")]
    [InlineData("Relay:Drain:Seconds=1", "did you mean --Relay:Drain:Seconds=…?")]
    [InlineData("--urls=http://*:80", "unknown argument")]
    [InlineData("--Relay:Drain:Seconds", "has no value")]
    public void What_nobody_would_read_is_a_mistake(string argument, string expected) =>
        Assert.Contains(expected, Assert.Single(CommandLine.Parse([argument]).Problems).ToString(), StringComparison.Ordinal);

    [Fact]
    public void The_value_of_an_unknown_argument_is_not_printed() =>
        Assert.DoesNotContain("hunter2", Assert.Single(CommandLine.Parse(["--Redis:Password=hunter2"]).Problems).ToString(), StringComparison.Ordinal);
}
