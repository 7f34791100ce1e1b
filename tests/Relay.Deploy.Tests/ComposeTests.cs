using Relay.Deploy.Tests.Support;
using Relay.Testing;

namespace Relay.Deploy.Tests;

public sealed class ComposeTests
{
    [Fact]
    public async Task The_compose_file_is_what_its_schema_allows()
    {
        var run = await CheckAsync(await TextAsync());
        Assert.True(run.Code == 0, run.Everything);
    }

    [Theory]
    [InlineData("stop_grace_period: 40s", "stop_grace_period: 20s", "20s are too few for a drain of 25 s")]
    [InlineData("stop_grace_period: 40s", "stop_grace_period: forty", "must match format \"duration\"")]
    [InlineData("command: [haproxy", "comand: [haproxy", "{\"additionalProperty\":\"comand\"}")]
    [InlineData("127.0.0.1:8080:8080", "8080:8080", "is open to the network")]
    [InlineData("${RELAY_API_KEY", "${RELAY_APIKEY", "draws no RELAY_APIKEY")]
    public async Task The_check_finds_what_is_wrong(string right, string wrong, string said)
    {
        var text = await TextAsync();
        Assert.Contains(right, text, StringComparison.Ordinal);
        var run = await CheckAsync(text.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal(1, run.Code);
        Assert.Contains(said, run.Output, StringComparison.Ordinal);
    }

    [FactWithHaproxy]
    public async Task HAProxy_takes_the_configuration_of_its_balancer()
    {
        var run = await Tool.RunAsync("haproxy", ["-c", "-f", Repository.File("deploy", "haproxy.cfg")]);
        Assert.True(run.Code == 0, run.Everything);
    }

    internal static Task<string> TextAsync() => File.ReadAllTextAsync(Repository.File("compose.yml"));

    internal static async Task<ToolRun> CheckAsync(string text)
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("env"), await Manifests.SecretsAsync("env"));
        return await Checks.RunOnAsync("compose.mjs", text, folder.File("env"));
    }
}
