using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace Relay.Node.Telemetry;

/// <summary>
/// What the node's instruments have measured since the start. Listens to the meters of the relay that <paramref name="factory"/> made, and to some of .NET's own. Thread-safe; one
/// collection at a time.
/// </summary>
/// <param name="factory">Maker of the node's meters: another node in the same process has its own.</param>
internal sealed class MetricStore(IMeterFactory factory) : IDisposable
{
    /// <summary>.NET's: memory, collections, threads, exceptions, CPU; HTTP requests by route and status.</summary>
    internal static readonly string[] Foreign = ["System.Runtime", "Microsoft.AspNetCore.Hosting"];

    private readonly MeterListener _listener = new();
    private readonly Lock _gate = new();

    // Apart from the lock: an instrument is published under one of the runtime's.
    private ImmutableList<InstrumentSeries> _instruments = [];

    /// <summary>Whether the node measures with it.</summary>
    public static bool IsOurs(Meter meter, IMeterFactory factory) =>
        meter.Name.StartsWith("Relay.", StringComparison.Ordinal) || meter.Name == "Microsoft.AspNetCore.Hosting"
            ? ReferenceEquals(meter.Scope, factory)
            : Foreign.Contains(meter.Name, StringComparer.Ordinal);

    public void Start()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (IsOurs(instrument.Meter, factory))
            {
                var series = new InstrumentSeries(instrument);
                ImmutableInterlocked.Update(ref _instruments, static (known, one) => known.Add(one), series);
                listener.EnableMeasurementEvents(instrument, series);
            }
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured(value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => ((InstrumentSeries)state!).Measured((double)value, tags));
        _listener.Start();
    }

    /// <summary>Everything, by name. Series that were never raised are not there.</summary>
    public IReadOnlyList<MetricSnapshot> Collect()
    {
        lock (_gate)
        {
            var instruments = Volatile.Read(ref _instruments);
            foreach (var instrument in instruments)
            {
                instrument.BeginRound();
            }

            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // One that cannot be read now says nothing this time; the others have been.
            }

            return [.. instruments.Select(static instrument => instrument.Snapshot()).OrderBy(static metric => metric.Name, StringComparer.Ordinal)];
        }
    }

    public void Dispose() => _listener.Dispose();
}
