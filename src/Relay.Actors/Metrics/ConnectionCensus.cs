using System.Diagnostics.Metrics;
using Relay.Actors.Connections;

namespace Relay.Actors.Metrics;

/// <summary>
/// A walk over all connections for those gauges that nobody keeps up to date: at most one in a quarter of a second, however many ask. Ten thousand connections take about a
/// millisecond. Thread-safe.
/// </summary>
internal sealed class ConnectionCensus(ConnectionRegistry registry, TimeProvider time)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private Dictionary<string, Row> _rows = new(StringComparer.Ordinal);
    private long? _takenAt;

    public IEnumerable<Measurement<long>> States()
    {
        foreach (var (dialect, row) in Take())
        {
            yield return new(row.Open, new("dialect", dialect), new("state", "open"));
            yield return new(row.Closing, new("dialect", dialect), new("state", "closing"));
        }
    }

    public IEnumerable<Measurement<long>> QueueBytes() => Take().Select(static one => new Measurement<long>(one.Value.QueuedBytes, new KeyValuePair<string, object?>("dialect", one.Key)));

    public IEnumerable<Measurement<long>> Queues() => Take().Select(static one => new Measurement<long>(one.Value.Queues, new KeyValuePair<string, object?>("dialect", one.Key)));

    private Dictionary<string, Row> Take()
    {
        lock (_gate)
        {
            if (_takenAt is { } at && time.GetElapsedTime(at) < Fresh)
            {
                return _rows;
            }

            // Who was there once is shown with zero: a series that ends looks like a node that ended.
            var rows = _rows.Keys.ToDictionary(static dialect => dialect, static _ => new Row(), StringComparer.Ordinal);
            foreach (var connection in registry.All)
            {
                var dialect = connection.Dialect.Profile.Name;
                if (!rows.TryGetValue(dialect, out var row))
                {
                    rows[dialect] = row = new Row();
                }

                row.Add(connection.Outbound);
            }

            (_rows, _takenAt) = (rows, time.GetTimestamp());
            return rows;
        }
    }

    private sealed class Row
    {
        public long Open { get; private set; }

        public long Closing { get; private set; }

        public long Queues { get; private set; }

        public long QueuedBytes { get; private set; }

        public void Add(Outbound outbound)
        {
            var unsent = outbound.UnsentBytes;
            Queues += unsent > 0 ? 1 : 0;
            QueuedBytes += unsent;
            Open += outbound.IsClosing ? 0 : 1;
            Closing += outbound.IsClosing ? 1 : 0;
        }
    }
}
