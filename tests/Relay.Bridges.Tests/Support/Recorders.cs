using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;
using Relay.Testing;

namespace Relay.Bridges.Tests.Support;

/// <summary>What a source said of its health, in order; null = well.</summary>
internal sealed class HealthLog
{
    private readonly Lock _gate = new();
    private readonly List<string?> _told = [];

    public IReadOnlyList<string?> Told
    {
        get
        {
            lock (_gate)
                return [.. _told];
        }
    }

    public void Report(string? reason)
    {
        lock (_gate)
            _told.Add(reason);
    }

    public Task WellAsync() => Eventually.Until(() => Told is [.., null], what: "well");

    /// <summary>Until it is ill for a reason with this text in it; returns the reason.</summary>
    public async Task<string> IllAsync(string part)
    {
        await Eventually.Until(() => Told is [.., { } reason] && reason.Contains(part, StringComparison.Ordinal), what: $"ill with '{part}', told: {string.Join(" | ", Told)}");
        return Told[^1]!;
    }
}

/// <summary>Stands for the relay: keeps what is handed over, and answers when and how a test wants.</summary>
internal sealed class FakeRelay
{
    private readonly Lock _gate = new();
    private readonly List<BridgeItem> _items = [];
    private TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FakeRelay(bool open = true)
    {
        if (open)
            Open();
    }

    /// <summary>Called with the number of the batch, from 1, before it is accepted; may throw.</summary>
    public Func<int, Task>? OnBatch { get; set; }

    public int Batches { get; private set; }

    public int Outstanding { get; private set; }

    public IReadOnlyList<BridgeItem> Items
    {
        get
        {
            lock (_gate)
                return [.. _items];
        }
    }

    public IEnumerable<string> Keys => Items.Select(static item => item.Item.IdempotencyKey!);

    /// <summary>Answers from now on, and to all that wait.</summary>
    public void Open() => _open.TrySetResult();

    public async Task<BridgeAccepted> PublishAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken)
    {
        int batch;
        lock (_gate)
        {
            _items.AddRange(items);
            batch = ++Batches;
            Outstanding++;
        }

        try
        {
            if (OnBatch is { } handler)
                await handler(batch);
            await _open.Task.WaitAsync(cancellationToken);
            return new BridgeAccepted(0);
        }
        finally
        {
            lock (_gate)
                Outstanding--;
        }
    }
}

/// <summary>Log lines with their level and id.</summary>
internal sealed class LogLines : ILoggerFactory, ILogger
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
                return [.. _lines];
        }
    }

    /// <summary>Lines of one event.</summary>
    public IEnumerable<string> Of(int eventId) => Lines.Where(line => line.Contains($" {eventId} ", StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Lines are kept here.");

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_gate)
            _lines.Add($"{logLevel} {eventId.Id} {formatter(state, exception)}");
    }

    public void Dispose()
    {
        // Holds nothing.
    }
}

/// <summary>Sums of a meter's counters by name and tags, such as <c>relay.bridge.dropped source=http fault=NotJson</c>.</summary>
internal sealed class CounterSums : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _sums = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    public CounterSums(Meter meter)
    {
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
            name += $" {tag}={content}";
        lock (_gate)
            _sums[name] = _sums.GetValueOrDefault(name) + value;
    }
}
