namespace Relay.Protocol;

/// <summary>
/// Which event names a subscriber wants: <c>*</c>, a prefix <c>agent.*</c>, or an exact name; several are alternatives
/// (protocols.md, <c>hooks</c> subscribe and native <c>filter.events</c>). Immutable.
/// </summary>
public sealed class EventFilter
{
    private readonly string[] _exact;
    private readonly string[] _prefixes;
    private readonly bool _all;

    private EventFilter(string[] patterns)
    {
        Patterns = patterns;
        _all = patterns.Contains("*", StringComparer.Ordinal);
        _prefixes = [.. patterns.Where(static p => p.Length > 1 && p.EndsWith('*')).Select(static p => p[..^1])];
        _exact = [.. patterns.Where(static p => !p.EndsWith('*'))];
    }

    /// <summary>The patterns as the client wrote them, in its order.</summary>
    public IReadOnlyList<string> Patterns { get; }

    /// <summary>True when every event passes.</summary>
    public bool PassesAll => _all;

    /// <summary>Builds a filter; no pattern at all lets nothing pass.</summary>
    public static EventFilter Of(params string[] patterns) => new(patterns);

    /// <summary>True when <paramref name="name"/> matches one of the patterns.</summary>
    public bool Matches(string name)
    {
        if (_all)
        {
            return true;
        }

        foreach (var prefix in _prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return Array.IndexOf(_exact, name) >= 0;
    }
}
