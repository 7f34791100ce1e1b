using Microsoft.Extensions.Logging;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// What durable channels tell of their journals: all of it is counted, and each kind is logged at most once per 10 s with the number since the last line, since a
/// store that fails fails all its channels at once. Thread-safe.
/// </summary>
/// <param name="metrics">Where it is counted.</param>
/// <param name="loggers">Where it is logged.</param>
/// <param name="time">Clock.</param>
public sealed partial class JournalReports(JournalMetrics metrics, ILoggerFactory loggers, TimeProvider time)
{
    /// <summary>Between two lines of the same kind.</summary>
    public static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly ILogger _log = loggers.CreateLogger("Relay.Journals");
    private readonly Lock _gate = new();
    private Lines _failed;
    private Lines _renewed;

    /// <summary>A channel begins from what its journal holds.</summary>
    internal void Recovered() => metrics.Recovered(done: true);

    /// <summary>A channel's journal could not be read.</summary>
    internal void RecoveryFailed(string channel, string reason)
    {
        metrics.Recovered(done: false);
        if (Count(ref _failed) is var count and > 0)
        {
            LogNotRecovered(channel, reason.TrimEnd('.'), count);
        }
    }

    /// <summary>A channel goes on in another epoch than its clients know, because the store does not hold what they were told.</summary>
    internal void Renewed(string channel, StreamPosition shown, StreamPosition found)
    {
        metrics.Renewed();
        if (Count(ref _renewed) is var count and > 0)
        {
            LogRenewed(channel, shown.Epoch.IsNone ? "unknown" : $"{shown.Epoch}:{shown.Offset}", $"{found.Epoch}:{found.Offset}", count);
        }
    }

    // How many since the last line; 0 when none is due.
    private long Count(ref Lines lines)
    {
        lock (_gate)
        {
            lines.Since++;
            if (lines.Any && time.GetElapsedTime(lines.LoggedAt) < LogInterval)
            {
                return 0;
            }

            var since = lines.Since;
            lines = new Lines { Any = true, LoggedAt = time.GetTimestamp() };
            return since;
        }
    }

    [LoggerMessage(EventId = 130, Level = LogLevel.Warning,
        Message = "Channel {Channel} cannot begin from its journal: {Reason}. What is published to it is refused; it is tried again every second ({Count} times since the last such line)")]
    private partial void LogNotRecovered(string channel, string reason, long count);

    [LoggerMessage(EventId = 131, Level = LogLevel.Error,
        Message = "Channel {Channel} goes on in a new epoch, because its journal has lost what was acknowledged: last shown {Shown}, found {Found}. " +
            "Its clients are told ({Count} channels since the last such line)")]
    private partial void LogRenewed(string channel, string shown, string found, long count);

    private struct Lines
    {
        public bool Any;
        public long Since;
        public long LoggedAt;
    }
}
