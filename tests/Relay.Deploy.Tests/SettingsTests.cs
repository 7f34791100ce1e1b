using Relay.Deploy.Tests.Support;

namespace Relay.Deploy.Tests;

/// <summary>What manifests and compose file set is what the program takes.</summary>
public sealed class SettingsTests
{
    [TheoryWithKubectl]
    [InlineData("single")]
    [InlineData("cluster")]
    [InlineData("ha")]
    [InlineData("demo")]
    public async Task The_program_takes_the_settings_of_an_overlay(string overlay) =>
        await MustBeTakenAsync(await Manifests.EnvironmentAsync(overlay));

    [Fact]
    public async Task The_program_takes_the_settings_of_each_node_in_the_compose_file()
    {
        var nodes = Checks.Result<Dictionary<string, Dictionary<string, string>>>(await ComposeTests.CheckAsync(await ComposeTests.TextAsync()));
        foreach (var (name, environment) in nodes)
        {
            Assert.Equal(name, environment["Relay__Cluster__NodeId"]);
            await MustBeTakenAsync(environment);
        }

        Assert.Equal(3, nodes.Count);
    }

    [FactWithKubectl]
    public async Task A_setting_that_does_not_exist_is_found()
    {
        var environment = await Manifests.EnvironmentAsync("single");
        environment["Relay__Drain__Secs"] = "25";
        var run = await Settings.CheckAsync(environment);
        Assert.Equal(2, run.Code);
        Assert.Contains("Relay:Drain:Secs: unknown key", run.Error, StringComparison.Ordinal);
    }

    private static async Task MustBeTakenAsync(Dictionary<string, string> environment)
    {
        var run = await Settings.CheckAsync(environment);
        Assert.True(run.Code == 0, run.Everything);
        Assert.Contains("configuration is valid", run.Output, StringComparison.Ordinal);
    }
}
