namespace Relay.Node.Configuration.Live;

/// <summary>
/// The keys whose change takes effect without a restart. One list, and not a mark at each key's reading: what is live is decided by what can be exchanged under a running node
/// (<see cref="ILiveOptions"/>), which is known here and not where a key is read. docs/configuration.md shows it.
/// </summary>
public static class LiveKeys
{
    private static readonly string[] Patterns =
    [
        "Auth:ApiKeys:{i}:*",
        "Auth:Hosts:{i}",
        "Auth:Jwt:Audience",
        "Auth:Jwt:ClockSkew",
        "Auth:Jwt:Issuer",
        "Auth:Jwt:Keys:{i}:*",
        "Auth:Origins:{i}",
        "Limits:BytesPerSecond",
        "Limits:CountPrivateAddresses",
        "Limits:FramesPerSecond",
        "Limits:HandshakesPerSecond",
        "Limits:HandshakesPerSecondPerAddress",
        "Limits:MaxConnectionsPerAddress",
        "Limits:MaxConnectionsPerUser",
        "Limits:MaxInFlightPublishes",
        "Limits:MaxSubscriptionsPerConnection",
        "Limits:MemoryBudget",
        "Limits:MessageDeadline",
        "Limits:PublishesPerSecondPerConnection",
        "Limits:PublishesPerSecondPerUser",
        "Limits:QueueDelay",
        "Limits:UnsentBytes",
        "Limits:UnsentBytesWithoutResume",
        "Listeners:{name}:Tls:*",
        "Namespaces:{ns}:DedupeIds",
        "Namespaces:{ns}:DedupeWindow",
        "Namespaces:{ns}:HistoryAge",
        "Namespaces:{ns}:HistoryLength",
        "Namespaces:{ns}:KeyedValues",
        "Namespaces:{ns}:Presence",
        "Namespaces:{ns}:Publish",
        "Namespaces:{ns}:PublishesPerSecond",
        "Namespaces:{ns}:ReadHistory",
        "Namespaces:{ns}:SeePresence",
        "Namespaces:{ns}:Subscribe",
        "Namespaces:{ns}:WhenSlow",
    ];

    /// <summary>Whether a key, or a key's pattern, under <c>Relay</c> is live. <c>*</c> at the end of a pattern stands for everything below.</summary>
    public static bool IsLive(string key)
    {
        var parts = key.Split(':');
        return Patterns.Any(pattern => Matches(pattern.Split(':'), parts));
    }

    /// <summary>Whether a key of the whole configuration is live: one under <c>Relay</c>, or a level of the log.</summary>
    public static bool IsLiveOf(string path) => path.StartsWith(ConfigurationChange.Relay, StringComparison.OrdinalIgnoreCase)
        ? IsLive(path[ConfigurationChange.Relay.Length..])
        : path.StartsWith("Logging:LogLevel:", StringComparison.OrdinalIgnoreCase) || path.StartsWith("Logging:Console:LogLevel:", StringComparison.OrdinalIgnoreCase);

    private static bool Matches(string[] pattern, string[] key)
    {
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] is "*")
            {
                return key.Length > i;
            }

            if (i == key.Length || (pattern[i][0] != '{' && !pattern[i].Equals(key[i], StringComparison.OrdinalIgnoreCase)))
            {
                return false;
            }
        }

        return key.Length == pattern.Length;
    }
}
