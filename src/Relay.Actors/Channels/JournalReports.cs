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
    private readonly ILogger _log = loggers.CreateLogger("Relay.Journals");
    private readonly LogPace _failed = new(time);
    private readonly LogPace _renewed = new(time);

    /// <summary>A channel begins from what its journal holds.</summary>
    internal void Recovered() => metrics.Recovered(done: true);

    /// <summary>A channel's journal could not be read.</summary>
    internal void RecoveryFailed(string channel, string reason)
    {
        metrics.Recovered(done: false);
        if (_failed.IsDue(out var count, out _))
        {
            LogNotRecovered(channel, reason.TrimEnd('.'), count);
        }
    }

    /// <summary>A channel goes on in another epoch than its clients know, because the store does not hold what they were told.</summary>
    internal void Renewed(string channel, StreamPosition shown, StreamPosition found)
    {
        metrics.Renewed();
        if (_renewed.IsDue(out var count, out _))
        {
            LogRenewed(channel, shown.Epoch.IsNone ? "unknown" : $"{shown.Epoch}:{shown.Offset}", $"{found.Epoch}:{found.Offset}", count);
        }
    }

    [LoggerMessage(EventId = 130, Level = LogLevel.Warning,
        Message = "Channel {Channel} cannot begin from its journal: {Reason}. What is published to it is refused; it is tried again every second ({Count} times since the last such line)")]
    private partial void LogNotRecovered(string channel, string reason, long count);

    [LoggerMessage(EventId = 131, Level = LogLevel.Error,
        Message = "Channel {Channel} goes on in a new epoch, because its journal has lost what was acknowledged: last shown {Shown}, found {Found}. " +
            "Its clients are told ({Count} channels since the last such line)")]
    private partial void LogRenewed(string channel, string shown, string found, long count);
}
