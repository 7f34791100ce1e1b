namespace Relay.Node.Configuration.Live;

/// <summary>
/// What lies between the configuration in force and one that was read: by keys and texts, whatever they mean. Pure code.
/// <para>
/// What is not live keeps its old text in <see cref="Merged"/>, which then is read like any other configuration: so what comes into force is always one that the whole of the rules has
/// seen, and no room has to know which of its options may change.
/// </para>
/// </summary>
/// <param name="Live">Changed keys that take effect, with their section, in order.</param>
/// <param name="Restart">Changed keys that wait for a restart.</param>
/// <param name="Merged">Keys and texts that are to be in force.</param>
public sealed record ConfigurationChange(IReadOnlyList<string> Live, IReadOnlyList<string> Restart, IReadOnlyDictionary<string, string?> Merged)
{
    internal const string Relay = "Relay:";

    private static readonly string[] Sections = [Relay, "Logging:"];

    /// <summary>The keys that the node reads, flat.</summary>
    public static IReadOnlyDictionary<string, string?> Flatten(IConfiguration configuration) =>
        configuration.AsEnumerable()
            .Where(static pair => pair.Value is not null && (Sections.Any(section => pair.Key.StartsWith(section, StringComparison.OrdinalIgnoreCase)) || pair.Key is "WS_PORT" or "HOST"))
            .ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.OrdinalIgnoreCase);

    /// <summary>Compares two.</summary>
    public static ConfigurationChange Between(IReadOnlyDictionary<string, string?> old, IReadOnlyDictionary<string, string?> next)
    {
        var changed = old.Keys.Union(next.Keys, StringComparer.OrdinalIgnoreCase)
            .Where(key => !string.Equals(old.GetValueOrDefault(key), next.GetValueOrDefault(key), StringComparison.Ordinal))
            .Order(StringComparer.OrdinalIgnoreCase)
            .ToLookup(LiveKeys.IsLiveOf);
        var merged = old.Where(static pair => !LiveKeys.IsLiveOf(pair.Key)).Concat(next.Where(static pair => LiveKeys.IsLiveOf(pair.Key)));
        return new ConfigurationChange([.. changed[true]], [.. changed[false]], merged.ToDictionary(StringComparer.OrdinalIgnoreCase));
    }
}
