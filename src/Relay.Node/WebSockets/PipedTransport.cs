using System.IO.Pipelines;

namespace Relay.Node.WebSockets;

/// <summary>A transport whose reading half is a pipe of Kestrel's, read by <see cref="ReadLoop"/>. Thread-safe.</summary>
internal abstract class PipedTransport : ClientTransport
{
    private TaskCompletionSource? _finishing;

    /// <param name="input">The reading half: woken when the connection is to end.</param>
    /// <param name="time">Clock of the lingering.</param>
    protected PipedTransport(PipeReader input, TimeProvider time)
        : base(time) => Input = input;

    /// <summary>The reading half; only the connection's read loop reads from it.</summary>
    public PipeReader Input { get; }

    /// <summary>Completes when <see cref="ClientTransport.Finish"/> or <see cref="ClientTransport.Abort"/> was called.</summary>
    public Task WhenFinishing()
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _finishing, source);
        if (IsFinishing)
        {
            source.TrySetResult();
        }

        return source.Task;
    }

    /// <inheritdoc/>
    protected override void Wake()
    {
        Volatile.Read(ref _finishing)?.TrySetResult();
        ThreadPool.UnsafeQueueUserWorkItem(static input => input.CancelPendingRead(), Input, preferLocal: true);
    }
}
