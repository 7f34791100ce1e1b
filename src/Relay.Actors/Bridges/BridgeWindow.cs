namespace Relay.Actors.Bridges;

/// <summary>
/// Hands batches to the relay with a bounded number outstanding, in order: this is the back-pressure of sources that cannot send again (Pub/Sub, NOTIFY). Handing over belongs
/// to the loop that reads the source; only the outcomes come from elsewhere.
/// </summary>
/// <param name="tell">The way into the relay.</param>
/// <param name="capacity">Batches without an answer; one more waits.</param>
/// <param name="accepted">Told the number of messages of each batch that was accepted. From any thread; short.</param>
/// <param name="failed">Told the number of messages of each batch that was not confirmed, and why. From any thread; short.</param>
public sealed class BridgeWindow(Action<BridgeBatch> tell, int capacity, Action<int> accepted, Action<int, Exception> failed)
{
    private readonly Lock _gate = new();
    private int _outstanding;
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _drained;

    /// <summary>Hands over; returns when there is room for it. Waits at most as long as the relay takes to answer or to fail.</summary>
    /// <param name="items">In their order.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="settled">Told besides whether this very batch was accepted; null = nobody asks.</param>
    /// <exception cref="OperationCanceledException">The items were not handed over.</exception>
    public ValueTask SendAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken, Action<bool>? settled = null)
    {
        if (cancellationToken.IsCancellationRequested || !TryEnter(out _))
        {
            return WaitAndSendAsync(items, settled, cancellationToken);
        }

        Tell(items, settled);
        return ValueTask.CompletedTask;
    }

    /// <summary>Completes when nothing is outstanding. Never fails.</summary>
    public Task DrainAsync()
    {
        lock (_gate)
        {
            if (_outstanding == 0)
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    private async ValueTask WaitAndSendAsync(IReadOnlyList<BridgeItem> items, Action<bool>? settled, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!TryEnter(out var room))
        {
            await room.WaitAsync(cancellationToken);
        }

        Tell(items, settled);
    }

    private void Tell(IReadOnlyList<BridgeItem> items, Action<bool>? settled) =>
        tell(new BridgeBatch(items) { Answer = settled is null ? new Outcome(this, items.Count) : new ToldOutcome(this, items.Count, settled) });

    private bool TryEnter(out Task room)
    {
        lock (_gate)
        {
            if (_outstanding < capacity)
            {
                _outstanding++;
                room = Task.CompletedTask;
                return true;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            room = _room.Task;
            return false;
        }
    }

    private void Leave()
    {
        lock (_gate)
        {
            _outstanding--;
            _room?.TrySetResult();
            _room = null;
            if (_outstanding == 0)
            {
                _drained?.TrySetResult();
                _drained = null;
            }
        }
    }

    private class Outcome(BridgeWindow window, int messages) : BridgeAnswer
    {
        private readonly BridgeWindow _window = window;
        private readonly int _messages = messages;

        public override void Accepted(int subscribers)
        {
            _window.TellAccepted(_messages);
            _window.Leave();
        }

        public override void Failed(Exception reason)
        {
            _window.TellFailed(_messages, reason);
            _window.Leave();
        }
    }

    private sealed class ToldOutcome(BridgeWindow window, int messages, Action<bool> settled) : Outcome(window, messages)
    {
        public override void Accepted(int subscribers)
        {
            settled(true);
            base.Accepted(subscribers);
        }

        public override void Failed(Exception reason)
        {
            settled(false);
            base.Failed(reason);
        }
    }

    private void TellAccepted(int messages) => accepted(messages);

    private void TellFailed(int messages, Exception reason) => failed(messages, reason);
}
