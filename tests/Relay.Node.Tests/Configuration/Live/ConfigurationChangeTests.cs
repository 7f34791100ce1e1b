using Microsoft.Extensions.Configuration;
using Relay.Node.Configuration;
using Relay.Node.Configuration.Live;

namespace Relay.Node.Tests.Configuration.Live;

public sealed class ConfigurationChangeTests
{
    [Fact]
    public void What_is_live_comes_and_what_is_not_stays_as_it_was()
    {
        var change = ConfigurationChange.Between(
            Flat("Relay:Namespaces:topics:HistoryLength=10", "Relay:Redis:Endpoints=a:1", "Relay:Auth:Origins:0=https://old.example.com", "Relay:Auth:Origins:1=https://gone.example.com", "Logging:LogLevel:Default=Warning"),
            Flat("Relay:Namespaces:topics:HistoryLength=20", "Relay:Redis:Endpoints=b:2", "Relay:Auth:Origins:0=https://new.example.com", "Relay:Cluster:Name=x", "Logging:LogLevel:Default=Debug", "Other=1"));
        Assert.Equal(["Logging:LogLevel:Default", "Relay:Auth:Origins:0", "Relay:Auth:Origins:1", "Relay:Namespaces:topics:HistoryLength"], change.Live, StringComparer.Ordinal);
        Assert.Equal(["Relay:Cluster:Name", "Relay:Redis:Endpoints"], change.Restart, StringComparer.Ordinal);
        Assert.Equal(
            ["Logging:LogLevel:Default=Debug", "Relay:Auth:Origins:0=https://new.example.com", "Relay:Namespaces:topics:HistoryLength=20", "Relay:Redis:Endpoints=a:1"],
            change.Merged.Select(static pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
    }

    [Fact]
    public void Nothing_changed_is_nothing()
    {
        var change = ConfigurationChange.Between(Flat("Relay:Auth:Required=true"), Flat("relay:auth:required=true"));
        Assert.Empty(change.Live);
        Assert.Empty(change.Restart);
    }

    [Theory]
    [InlineData("Namespaces:topics:HistoryLength", true)]
    [InlineData("namespaces:TOPICS:historylength", true)]
    [InlineData("Namespaces:topics:Durability", false)]
    [InlineData("Auth:ApiKeys:3:Channels", true)]
    [InlineData("Auth:Required", false)]
    [InlineData("Auth:Jwt:Keys:0:File", true)]
    [InlineData("Auth:Jwt:JwksUrl", false)]
    [InlineData("Listeners:main:Tls:ClientCa", true)]
    [InlineData("Listeners:main:Url", false)]
    [InlineData("Auth:Origins", false)]
    [InlineData("Auth:Origins:0:x", false)]
    public void Keys_are_live_or_not(string key, bool live) => Assert.Equal(live, LiveKeys.IsLive(key));

    [Fact]
    public void The_documentation_marks_live_keys()
    {
        Assert.Contains("`Namespaces:{ns}:HistoryLength` | number | `1000; metrics 12; users 200` | live |", Reference.Markdown(), StringComparison.Ordinal);
        Assert.Contains("`Cluster:Name` | text | `relay` | |", Reference.Markdown(), StringComparison.Ordinal);
        Assert.Contains("Relay:Auth:Jwt:Issuer  (text; live)", Reference.Help(), StringComparison.Ordinal);
    }

    private static IReadOnlyDictionary<string, string?> Flat(params string[] settings) => ConfigurationChange.Flatten(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(static setting => KeyValuePair.Create(setting[..setting.IndexOf('=', StringComparison.Ordinal)], (string?)setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]))).Build());
}
