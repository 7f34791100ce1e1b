using System.Collections.Immutable;

namespace Relay.Node.Configuration;

/// <summary>A log level that an operator set. Immutable.</summary>
/// <param name="Category">The category and all below it; <c>Default</c> = those without another level.</param>
/// <param name="EndsAt">When the configured level returns; null = not by itself.</param>
public sealed record LiveLogLevel(string Category, LogLevel Level, DateTimeOffset? EndsAt);

/// <summary>
/// Log levels that are set while the program runs, over the configured ones: a source of configuration of its own, which the logging takes up when it changes. Thread-safe.
/// </summary>
public sealed class LiveLogLevels : ConfigurationProvider, IConfigurationSource
{
    /// <summary>What is the default level is called in the configuration.</summary>
    public const string Default = "Default";

    private const int MostCategories = 100;

    private readonly Lock _gate = new();
    private ImmutableSortedDictionary<string, (LiveLogLevel Level, ITimer? Timer)> _levels = ImmutableSortedDictionary<string, (LiveLogLevel, ITimer?)>.Empty.WithComparers(StringComparer.OrdinalIgnoreCase);

    /// <summary>Levels in force.</summary>
    public IReadOnlyList<LiveLogLevel> All => [.. Volatile.Read(ref _levels).Values.Select(static one => one.Level)];

    /// <summary>Whether it may name a category. No <c>*</c>: a wildcard would reach over the levels that keep secrets out of the log.</summary>
    public static bool IsCategory(string text) => text.Length is > 0 and <= 200 && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Sets a level until it is set again, removed, or the time is over; false when there are too many.</summary>
    public bool TrySet(string category, LogLevel level, TimeSpan? duration, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        lock (_gate)
        {
            if (_levels.Count >= MostCategories && !_levels.ContainsKey(category))
            {
                return false;
            }

            Forget(category);
            var set = new LiveLogLevel(category, level, duration is { } lasts ? time.GetUtcNow() + lasts : null);
            var timer = duration is { } left ? time.CreateTimer(_ => End(set), null, left, Timeout.InfiniteTimeSpan) : null;
            _levels = _levels.SetItem(category, (set, timer));
            Set("LogLevel:" + category, level.ToString());

            // Inside: what listens reads all there is.
            OnReload();
            return true;
        }
    }

    /// <summary>The configured level returns; false when no other was set.</summary>
    public bool Remove(string category)
    {
        lock (_gate)
        {
            if (!Forget(category))
            {
                return false;
            }

            OnReload();
            return true;
        }
    }

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    // One that was set again meanwhile is another.
    private void End(LiveLogLevel set)
    {
        lock (_gate)
        {
            if (!_levels.TryGetValue(set.Category, out var known) || !ReferenceEquals(known.Level, set))
            {
                return;
            }

            Forget(set.Category);
            OnReload();
        }
    }

    private bool Forget(string category)
    {
        if (!_levels.TryGetValue(category, out var known))
        {
            return false;
        }

        known.Timer?.Dispose();
        _levels = _levels.Remove(category);
        Data.Remove("LogLevel:" + category);
        return true;
    }
}
