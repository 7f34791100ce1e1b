using System.Collections.Concurrent;

namespace Relay.Actors.Sessions;

/// <summary>The webui sessions that live on this node. Written by their actors, read by anyone.</summary>
public sealed class SessionDirectory
{
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, SessionSummary> _sessions = new(StringComparer.Ordinal);

    private long _knownOf;

    /// <summary>How many.</summary>
    public int Count => _sessions.Count;

    /// <summary>All, the one used last first.</summary>
    public IReadOnlyList<SessionSummary> All => [.. _sessions.Values.OrderByDescending(static session => session.LastActivityMicros)];

    /// <summary>Ends when the sessions that were stored before this start are all here.</summary>
    public Task Complete => _complete.Task;

    /// <summary>In a cluster: as of which <see cref="Channels.IShardOwnership.Version"/> the stored sessions of this node are here.</summary>
    public long KnownOf => Volatile.Read(ref _knownOf);

    /// <summary>All stored sessions were woken, or none is stored.</summary>
    /// <param name="version">See <see cref="KnownOf"/>.</param>
    public void MarkComplete(long version = long.MaxValue)
    {
        Volatile.Write(ref _knownOf, version);
        _complete.TrySetResult();
    }

    internal void Set(SessionSummary session) => _sessions[session.SessionId] = session;

    internal void Remove(string sessionId) => _sessions.TryRemove(sessionId, out _);
}
