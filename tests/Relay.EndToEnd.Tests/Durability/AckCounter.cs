namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Counts acks of all publishers; faults wait for it instead of for time.</summary>
internal sealed class AckCounter
{
    private readonly Lock _gate = new();
    private readonly List<(long Count, TaskCompletionSource Reached)> _waiting = [];
    private long _count;

    public void Add()
    {
        lock (_gate)
        {
            _count++;
            foreach (var (_, reached) in _waiting.Where(waiter => waiter.Count <= _count))
            {
                reached.SetResult();
            }

            _waiting.RemoveAll(waiter => waiter.Count <= _count);
        }
    }

    /// <summary>Ends when so many more acks were read.</summary>
    public Task FurtherAsync(int acks)
    {
        lock (_gate)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((_count + acks, reached));
            return reached.Task;
        }
    }
}
