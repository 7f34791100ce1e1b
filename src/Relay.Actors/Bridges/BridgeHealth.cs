namespace Relay.Actors.Bridges;

/// <summary>
/// Puts the troubles of a source's parts (its streams, its subscriptions) into one line for the node's health, and tells it when the line changes. Thread-safe:
/// the report is called under the lock, so that the last call is the last word; it must not block.
/// </summary>
/// <param name="report">Null = well; else what is wrong, for people and without secrets.</param>
public sealed class BridgeHealth(Action<string?> report)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, string> _reasons = new(StringComparer.Ordinal);
    private string? _told;
    private bool _any;

    /// <summary>A part is well (null) or not.</summary>
    public void Set(string part, string? reason)
    {
        lock (_gate)
        {
            if (reason is null)
            {
                _reasons.Remove(part);
            }
            else
            {
                _reasons[part] = reason;
            }

            var line = _reasons.Count == 0 ? null : string.Join("; ", _reasons.Values);
            if (_any && string.Equals(line, _told, StringComparison.Ordinal))
            {
                return;
            }

            _any = true;
            _told = line;
            report(line);
        }
    }
}
