using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Sessions;

/// <summary>One session's facts in its journal, seen from its actor: starts I/O, whose results come to the actor as messages.</summary>
internal sealed class StoredSession(string channel, ChannelServices services, IActorContext context)
{
    private readonly IJournal _journal = services.Journals.For(services.Settings.For(channel))!;
    private readonly long _precision = SessionFacts.Precision(services.Settings.SessionTtl).Ticks / TimeSpan.TicksPerMicrosecond;

    // Results of an earlier instance of the actor are not this one's.
    private readonly object _owner = new();
    private long _keptMicros;

    /// <summary>Looks whether there is a session at all; the actor is told <see cref="SessionSeen"/>. Opening its stream would make one for whoever asks in vain.</summary>
    public void Look()
    {
        var owner = _owner;
        LookAsync().PipeTo(
            context.Self,
            success: found => new SessionSeen(owner, found),

            // Who opens the stream hears why, and tries again.
            failure: _ => new SessionSeen(owner, IsThere: true));
    }

    /// <summary>True for results of this instance.</summary>
    public bool IsOurs(object owner) => ReferenceEquals(owner, _owner);

    /// <summary>Stores that a session was used, unless that was stored a moment ago.</summary>
    public void Keep(SessionFacts facts, Epoch epoch, long nowMicros, bool atOnce)
    {
        if (atOnce || nowMicros - _keptMicros >= _precision)
        {
            Save(facts, epoch, nowMicros, isNew: false);
        }
    }

    /// <summary>What is stored is as new as this.</summary>
    public void Kept(long lastActivityMicros) => _keptMicros = lastActivityMicros;

    /// <summary>Stores the facts; the actor is told <see cref="SessionSaved"/>.</summary>
    public void Save(SessionFacts facts, Epoch epoch, long nowMicros, bool isNew)
    {
        var owner = _owner;
        _keptMicros = nowMicros;

        // No event is contained in them: the number stays, so that the newest save wins and losing the stream's tail does not lose the session.
        var snapshot = new Snapshot(channel, epoch.Value, 0, nowMicros, facts.ToJson());
        ((ISnapshotStore)_journal).SaveSnapshotAsync(snapshot).PipeTo(
            context.Self,
            success: result => new SessionSaved(owner, isNew, result.IsDone ? null : result.Reason ?? result.Outcome.ToString()),
            failure: error => new SessionSaved(owner, isNew, error.Message));
    }

    /// <summary>The last save may have failed: the next use is stored again.</summary>
    public void NotKept() => _keptMicros = 0;

    // A result that is null would be no message.
    private async Task<bool> LookAsync() => await ((ISnapshotStore)_journal).LoadSnapshotAsync(channel).ConfigureAwait(false) is not null;
}

/// <summary>To a session's actor: whether there is a session.</summary>
internal sealed record SessionSeen(object Owner, bool IsThere);

/// <summary>To a session's actor: what became of its facts.</summary>
/// <param name="Owner">Whose.</param>
/// <param name="IsNew">They begin the session.</param>
/// <param name="Failure">Why they are not stored; null when they are.</param>
internal sealed record SessionSaved(object Owner, bool IsNew, string? Failure);
