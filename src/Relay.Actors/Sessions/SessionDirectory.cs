using System.Collections.Concurrent;

namespace Relay.Actors.Sessions;

/// <summary>The webui sessions that live on this node. Written by their actors, read by anyone.</summary>
public sealed class SessionDirectory
{
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, SessionSummary> _sessions = new(StringComparer.Ordinal);

    /// <summary>How many.</summary>
    public int Count => _sessions.Count;

    /// <summary>All, the one used last first.</summary>
    public IReadOnlyList<SessionSummary> All => [.. _sessions.Values.OrderByDescending(static session => session.LastActivityMicros)];

    /// <summary>Ends when the sessions that were stored before this start are all here.</summary>
    public Task Complete => _complete.Task;

    /// <summary>All stored sessions were woken, or none is stored.</summary>
    public void MarkComplete() => _complete.TrySetResult();

    internal void Set(SessionSummary session) => _sessions[session.SessionId] = session;

    internal void Remove(string sessionId) => _sessions.TryRemove(sessionId, out _);
}
