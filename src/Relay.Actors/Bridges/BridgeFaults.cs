using Microsoft.Extensions.Logging;
using Relay.Protocol;

namespace Relay.Actors.Bridges;

/// <summary>
/// Messages from outside that cannot be delivered (protocols.md, <c>updates</c>): each is counted, and each kind is logged at most once per 10 s with the number
/// since the last line. The payload is never logged: it is somebody's data, and whoever sends garbage must not choose what stands in the log. Thread-safe.
/// </summary>
public sealed partial class BridgeFaults
{
    private readonly BridgeMetrics _metrics;
    private readonly ILogger _log;
    private readonly LogPace[] _paces;

    internal BridgeFaults(BridgeMetrics metrics, ILoggerFactory loggers, TimeProvider time)
    {
        _metrics = metrics;
        _log = loggers.CreateLogger<BridgeFaults>();
        _paces = [.. Enum.GetValues<EnvelopeFault>().Select(_ => new LogPace(time))];
    }

    /// <summary>A message was dropped, or moved to the dead ones of its stream or table.</summary>
    /// <param name="source">As in <see cref="BridgeMetrics"/>.</param>
    /// <param name="fault">Why.</param>
    public void Report(string source, EnvelopeFault fault)
    {
        _metrics.Dropped(source, fault.ToString());
        if (_paces[(int)fault].IsDue(out var since, out var total))
        {
            LogDropped(source, since, total, Explain(fault));
        }
    }

    /// <summary>The fault as a sentence's end, for logs, dead letters and HTTP answers.</summary>
    public static string Explain(EnvelopeFault fault) => fault switch
    {
        EnvelopeFault.NotJson => "not valid JSON in UTF-8",
        EnvelopeFault.NotObject => "not a JSON object",
        EnvelopeFault.WrongTarget => "target_user_id, target_session_id or target_project_id is neither a string nor null",
        EnvelopeFault.WrongType => "the type or event is not a well-formed name",
        EnvelopeFault.InvalidChannel => "the channel is not a valid channel name",
        EnvelopeFault.InvalidTarget => "a target's id does not fit a channel name",
        EnvelopeFault.InvalidId => "the id is neither a string nor a number of at most 256 bytes",
        EnvelopeFault.TooLarge => "larger than a message may be",
        _ => fault.ToString(),
    };

    [LoggerMessage(EventId = 120, Level = LogLevel.Warning,
        Message = "Bridge {Source}: {Count} messages cannot be delivered ({Total} since the start): {Reason}")]
    private partial void LogDropped(string source, long count, long total, string reason);
}
