namespace Relay.Actors.Bridges;

/// <summary>
/// Whom the bridge tells what became of a batch: exactly once, in the bridge's own turn, so that an outcome costs no task, no timer and no hop to another thread.
/// Both methods must be short, must not block and must not throw.
/// </summary>
public abstract class BridgeAnswer
{
    /// <summary>
    /// True for a source that brings again what was not accepted: <see cref="Failed"/> then gets a <see cref="BridgeUnfinishedException"/>, and nothing that was not sent
    /// yet is sent behind a refusal, so that the order survives the repetition.
    /// </summary>
    public virtual bool WantsOpen => false;

    /// <summary>All channels have accepted their parts.</summary>
    /// <param name="subscribers">Of these channels, summed over the batch.</param>
    public abstract void Accepted(int subscribers);

    /// <summary>Not all is accepted, or it is not known.</summary>
    public abstract void Failed(Exception reason);
}

/// <summary>A message that some of its channels have not accepted.</summary>
/// <param name="Index">Of the message in its batch.</param>
/// <param name="Channels">Those channels, in the message's order.</param>
/// <param name="IsItsOwn">
/// True when handling this very message failed while its channel goes on: whoever counts tries counts this one. False when the channel takes nothing at all now, or was not
/// asked: that says nothing about the message.
/// </param>
/// <param name="Reason">Why, for people; without the message's content.</param>
public sealed record BridgeOpen(int Index, IReadOnlyList<string> Channels, bool IsItsOwn, string Reason);

/// <summary>Some messages of a batch are not accepted; the others are.</summary>
/// <param name="open">At least one, in the order of the batch.</param>
public sealed class BridgeUnfinishedException(IReadOnlyList<BridgeOpen> open) : Exception(open[0].Reason)
{
    /// <summary>What is not accepted, in the order of the batch.</summary>
    public IReadOnlyList<BridgeOpen> Open => open;
}

/// <summary>An outcome that is awaited. What awaits it does not run in the bridge's turn, unless <paramref name="options"/> say so.</summary>
internal sealed class BridgeTask(TaskCreationOptions options) : BridgeAnswer
{
    private readonly TaskCompletionSource<BridgeAccepted> _outcome = new(options);

    public override bool WantsOpen => true;

    public Task<BridgeAccepted> Outcome => _outcome.Task;

    public override void Accepted(int subscribers) => _outcome.TrySetResult(new BridgeAccepted(subscribers));

    public override void Failed(Exception reason) => _outcome.TrySetException(reason);
}
