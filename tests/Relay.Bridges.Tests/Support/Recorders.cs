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
