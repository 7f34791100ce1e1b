using System.Net;

namespace Relay.Node.Configuration;

/// <summary>The events on channel <c>metrics</c>, and <c>/metrics</c>.</summary>
public sealed record MetricsOptions
{
    /// <summary>Between two events.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether there is a <c>/metrics</c>.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Whose machines may read it without a key, besides this one.</summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    internal static MetricsOptions Read(SettingReader reader)
    {
        var usual = new MetricsOptions();
        return new MetricsOptions
        {
            Interval = reader.Read("Metrics:Interval", Kinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)), usual.Interval, "Between two metric.update events on the channel metrics."),
            Enabled = reader.Read("Metrics:Enabled", Kinds.Flag, usual.Enabled, "Whether /metrics answers: to this machine, to Metrics:Networks, and to API keys with the right metrics."),
            Networks = reader.ReadValues("Metrics:Networks", Kinds.Network, default, "Network whose machines may read /metrics without a key, e.g. 10.0.0.0/8 or fd00::/8. Never through a proxy: what came with X-Forwarded-For or the like needs a key."),
        };
    }
}
