using Microsoft.Extensions.Configuration;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

/// <summary>Short ways to a configuration.</summary>
internal static class Given
{
    /// <summary>Keys without <c>Relay:</c> in front, as <c>Key=value</c>.</summary>
    public static ConfigurationResult Keys(params string[] settings) => Raw([.. settings.Select(setting => "Relay:" + setting)]);

    /// <summary>Keys as they are.</summary>
    public static ConfigurationResult Raw(params string[] settings) => RelayConfiguration.Load(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(Split)).Build(), mostConnections: null);

    /// <summary>Options of a configuration that must be valid.</summary>
    public static RelayOptions Options(params string[] settings)
    {
        var result = Keys(settings);
        Assert.Empty(result.Problems);
        return result.Options;
    }

    /// <summary>The only mistake.</summary>
    public static ConfigurationProblem Problem(params string[] settings) => Assert.Single(Keys(settings).Problems);

    private static KeyValuePair<string, string?> Split(string setting)
    {
        var equals = setting.IndexOf('=', StringComparison.Ordinal);
        return new(setting[..equals], setting[(equals + 1)..]);
    }
}
