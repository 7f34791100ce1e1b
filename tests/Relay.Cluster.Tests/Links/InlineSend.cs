using System.Threading.Tasks.Sources;

namespace Relay.Cluster.Tests.Links;

/// <summary>A task whose continuation runs where it is completed: one thread, one order.</summary>
internal sealed class InlineSend : IValueTaskSource
{
    private Action<object?>? _continuation;
    private object? _state;
    private Exception? _error;
    private bool _isCompleted;

    public ValueTask Task => new(this, 0);

    public void Complete(Exception? error = null)
    {
        _error = error;
        _isCompleted = true;
        _continuation?.Invoke(_state);
    }

    public void GetResult(short token)
    {
        if (_error is not null)
        {
            throw _error;
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) =>
        !_isCompleted ? ValueTaskSourceStatus.Pending : _error is null ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Faulted;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        (_continuation, _state) = (continuation, state);
}
