namespace Relay.Actors.Bridges;

/// <summary>
/// Hands batches to the relay with a bounded number outstanding, in order: this is the back-pressure of sources that cannot send again (Pub/Sub, NOTIFY). Owned by
/// the loop that reads the source; only the outcomes come from elsewhere.
/// </summary>
/// <param name="publish">The way into the relay.</param>
/// <param name="capacity">Batches without an answer; one more waits.</param>
/// <param name="accepted">Told the number of messages of each batch that was accepted. From any thread.</param>
/// <param name="failed">Told the number of messages of each batch that was not confirmed, and why. From any thread.</param>
public sealed class BridgeWindow(BridgePublisher publish, int capacity, Action<int> accepted, Action<int, Exception> failed)
{
    private readonly Queue<Task> _outstanding = new(capacity);

    /// <summary>Hands over; returns when there is room for it. Waits at most as long as the relay takes to answer or to fail.</summary>
    /// <exception cref="OperationCanceledException">The items were not handed over.</exception>
    public async ValueTask SendAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken)
    {
        while (_outstanding.TryPeek(out var oldest) && (oldest.IsCompleted || _outstanding.Count == capacity))
        {
            await oldest.WaitAsync(cancellationToken);
            _ = _outstanding.Dequeue();
        }

        cancellationToken.ThrowIfCancellationRequested();
        _outstanding.Enqueue(ObserveAsync(items));
    }

    /// <summary>Completes when nothing is outstanding. Never fails.</summary>
    public Task DrainAsync() => Task.WhenAll(_outstanding);

    private async Task ObserveAsync(IReadOnlyList<BridgeItem> items)
    {
        try
        {
            await publish(items, CancellationToken.None);
        }
        catch (Exception error)
        {
            failed(items.Count, error);
            return;
        }

        accepted(items.Count);
    }
}
