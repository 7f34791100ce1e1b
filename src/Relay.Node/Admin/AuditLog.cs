using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Http;

namespace Relay.Node.Admin;

/// <summary>One act of an operator. Immutable.</summary>
/// <param name="Micros">When, microseconds since 1970-01-01 UTC.</param>
/// <param name="Who">Name of the key, or <c>anonymous</c>.</param>
/// <param name="From">The caller's address.</param>
/// <param name="Act">E.g. <c>disconnect</c>.</param>
/// <param name="Target">On what, e.g. <c>user ann</c>.</param>
/// <param name="Result"><c>done</c>, or why not: an error code.</param>
/// <param name="Detail">More for people; may be empty.</param>
internal sealed record AuditEntry(long Micros, string Who, string From, string Act, string Target, string Result, string Detail);

/// <summary>
/// What operators did through this node, the newest: also a line each of the log, category <c>Relay.Audit</c>, which is where it is kept. Thread-safe.
/// </summary>
internal sealed partial class AuditLog(int most, TimeProvider time, ILoggerFactory loggers)
{
    private const int LongestText = 300;

    private readonly Lock _gate = new();
    private readonly Queue<AuditEntry> _entries = new();
    private readonly ILogger _logger = loggers.CreateLogger("Relay.Audit");

    /// <summary>Notes an act of a caller that was let in.</summary>
    public void Note(HttpContext context, string act, string target, string result, string detail = "")
    {
        var who = ApiGuard.ScopeOf(context) is { Length: > 0 } name ? name : "anonymous";
        var entry = new AuditEntry(time.NowMicros(), Shown(who), context.Connection.RemoteIpAddress?.ToString() ?? "", act, Shown(target), result, Shown(detail));
        LogAct(_logger, entry.Act, entry.Target, entry.Who, entry.From, entry.Result, entry.Detail);
        lock (_gate)
        {
            _entries.Enqueue(entry);
            while (_entries.Count > most)
            {
                _entries.Dequeue();
            }
        }
    }

    /// <summary>The newest before a time, newest first.</summary>
    public IReadOnlyList<AuditEntry> Newest(int limit, long beforeMicros)
    {
        lock (_gate)
        {
            return [.. _entries.Where(entry => entry.Micros < beforeMicros).Reverse().Take(limit)];
        }
    }

    // What callers say comes into the log.
    private static string Shown(string text) => ConfigurationProblem.Printable(text.Length <= LongestText ? text : text[..LongestText]);

    [LoggerMessage(EventId = 700, Level = LogLevel.Information, Message = "{Act} {Target} by {Who} from {From}: {Result} {Detail}")]
    private static partial void LogAct(ILogger logger, string act, string target, string who, string from, string result, string detail);
}
