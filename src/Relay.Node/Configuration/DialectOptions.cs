using Relay.Protocol;

namespace Relay.Node.Configuration;

/// <summary>What may be set per client family; protocols.md, "Rules for every dialect". <c>relay</c> covers its protobuf form too.</summary>
public sealed record DialectOptions
{
    /// <summary>The families.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Protocol.Dialects.All.Select(dialect => dialect.Profile).Where(profile => profile.Kind != DialectKind.RelayProtobuf).Select(profile => profile.Name)];

    /// <summary>The defaults by name.</summary>
    public static IReadOnlyDictionary<string, DialectOptions> Defaults { get; } =
        Names.ToDictionary(name => name, DefaultOf, StringComparer.OrdinalIgnoreCase);

    /// <summary>Largest message a client may send; beyond it 1009.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Interval of WebSocket pings.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>A connection is dead when nothing at all has been received for so long.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Interval of the family's own JSON ping, which its clients must answer in kind; zero = none.</summary>
    public TimeSpan JsonPingInterval { get; init; }

    internal static DialectOptions Read(string name, SettingReader section)
    {
        var usual = DefaultOf(name);
        var second = TimeSpan.FromSeconds(1);
        var options = new DialectOptions
        {
            MaxMessageBytes = section.Read("MaxMessageBytes", Kinds.Size(128, 64 << 20), usual.MaxMessageBytes, "Largest message a client may send, inflated; beyond it 1009.", Differing(o => ByteSizes.Format(o.MaxMessageBytes))),
            PingInterval = section.Read("PingInterval", Kinds.Duration(second, TimeSpan.FromHours(1)), usual.PingInterval, "Interval of WebSocket pings.", Differing(o => Durations.Format(o.PingInterval))),
            IdleTimeout = section.Read("IdleTimeout", Kinds.Duration(second, TimeSpan.FromHours(2)), usual.IdleTimeout, "A connection is dead when nothing at all has been received for so long.", Differing(o => Durations.Format(o.IdleTimeout))),
            JsonPingInterval = section.Read("JsonPingInterval", Kinds.DurationOrNone(second, TimeSpan.FromHours(1)), usual.JsonPingInterval, "Interval of the family's own JSON ping, only for context; 0 = none.", Differing(o => Durations.Format(o.JsonPingInterval))),
        };
        if (options.IdleTimeout <= options.PingInterval)
        {
            section.Problem(
                "IdleTimeout",
                Durations.Format(options.IdleTimeout),
                $"must be longer than PingInterval ({Durations.Format(options.PingInterval)}), or a silent, healthy client would be cut",
                Durations.Format(options.PingInterval * 2));
        }

        if (options.JsonPingInterval > TimeSpan.Zero && !name.Equals("context", StringComparison.OrdinalIgnoreCase))
        {
            section.Problem("JsonPingInterval", Durations.Format(options.JsonPingInterval), "only clients of context answer a JSON ping", "0");
        }

        return options;
    }

    /// <summary>What the family's own profile says (protocols.md).</summary>
    private static DialectOptions DefaultOf(string name)
    {
        var profile = Protocol.Dialects.ByName(name)!.Profile;
        return new DialectOptions
        {
            MaxMessageBytes = profile.MaxMessageBytes,
            PingInterval = profile.PingInterval,
            IdleTimeout = profile.IdleTimeout,
            JsonPingInterval = profile.JsonPingInterval,
        };
    }

    private static string Differing(Func<DialectOptions, string> value)
    {
        var common = value(new DialectOptions());
        return string.Join("; ", Names.Where(name => !value(DefaultOf(name)).Equals(common, StringComparison.Ordinal)).Select(name => $"{name} {value(DefaultOf(name))}").Prepend(common));
    }
}
