using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Relay.Actors.Bridges;

/// <summary>
/// Messages of streams and tables that were moved to the dead letters: each is counted, and each source is logged at most once per 10 s, with
/// the newest one's id and reason and the number since the last line. Never with content. Thread-safe.
/// </summary>
public sealed partial class DeadLetters
{
    private readonly BridgeMetrics _metrics;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, LogPace> _paces = new(StringComparer.Ordinal);

    internal DeadLetters(BridgeMetrics metrics, ILoggerFactory loggers, TimeProvider time)
    {
        _metrics = metrics;
        _log = loggers.CreateLogger<DeadLetters>();
        _time = time;
    }

    /// <summary>A message was moved.</summary>
    /// <param name="source">As in <see cref="BridgeMetrics"/>.</param>
    /// <param name="from">Name of its stream or table.</param>
    /// <param name="to">Where it is now.</param>
    /// <param name="id">Of the entry or row.</param>
    /// <param name="tries">How often it was tried.</param>
    /// <param name="reason">Why, without content.</param>
    public void Report(string source, string from, string to, string id, int tries, string reason)
    {
        _metrics.DeadLetter(source);
        if (_paces.GetOrAdd(from, static (_, time) => new LogPace(time), _time).IsDue(out var since, out var total))
        {
            LogDead(source, since, total, from, to, id, tries, reason);
        }
    }

    [LoggerMessage(EventId = 121, Level = LogLevel.Warning,
        Message = "Bridge {Source}: {Count} dead letters ({Total} since the start) moved from {From} to {To}; the last one is {Id} after {Tries} tries: {Reason}")]
    private partial void LogDead(string source, long count, long total, string from, string to, string id, int tries, string reason);
}
