using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// What the client of an event stream asked for with its HTTP request, and the answer to it. All or nothing: the answer is a status, which comes before the
/// first event. Thread-safe.
/// </summary>
/// <param name="subscriptions">In the order of the request, each with a request id; at least one.</param>
public sealed class StreamOpening(IReadOnlyList<SubscribeCommand> subscriptions)
{
    private readonly TaskCompletionSource<string?> _refusal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What it wants to hear.</summary>
    public IReadOnlyList<SubscribeCommand> Subscriptions => subscriptions;

    /// <summary>Completes once it was decided: null when everything is granted and the stream runs; else why nothing is, for people, and nothing was sent.</summary>
    public Task<string?> Refusal => _refusal.Task;

    internal void Decide(string? refusal) => _refusal.TrySetResult(refusal);
}
