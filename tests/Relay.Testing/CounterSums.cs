using System.Diagnostics.Metrics;

namespace Relay.Testing;

/// <summary>Sums of a meter's counters by name and tags, such as <c>relay.bridge.dropped source=http fault=NotJson</c>.</summary>
public sealed class CounterSums : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _sums = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    private readonly string[] _leftOut;

    /// <param name="meter">Whose counters.</param>
    /// <param name="leftOut">Tags that do not tell sums apart.</param>
    public CounterSums(Meter meter, params string[] leftOut)
    {
        _leftOut = leftOut;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        _listener.Start();
    }

    public long this[string name]
    {
        get
        {
            lock (_gate)
                return _sums.GetValueOrDefault(name);
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Add(string name, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var (tag, content) in tags)
        {
            if (!_leftOut.Contains(tag, StringComparer.Ordinal))
                name += $" {tag}={content}";
        }

        lock (_gate)
            _sums[name] = _sums.GetValueOrDefault(name) + value;
    }
}
