using System.Diagnostics.Metrics;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>Where events are kept.</summary>
public enum Durability
{
    /// <summary>In the owner's memory; gone with the node, told by a new epoch.</summary>
    Memory,

    /// <summary>In Redis: survives the death of every node.</summary>
    Redis,

    /// <summary>In SQLite or PostgreSQL: survives a power cut as well (guarantees.md 5).</summary>
    Sql,
}

/// <summary>The journals of this node by durability; <see cref="Durability.Memory"/> has none.</summary>
/// <param name="Redis">For <see cref="Durability.Redis"/>.</param>
/// <param name="Sql">For <see cref="Durability.Sql"/>.</param>
public sealed record ChannelJournals(IJournal? Redis = null, IJournal? Sql = null)
{
    /// <summary>Where all of them count what they do.</summary>
    public JournalMetrics Metrics { get; init; } = new(new Meter(JournalMetrics.MeterName));

    /// <summary>The journal of a namespace's channels; null = memory.</summary>
    /// <exception cref="InvalidOperationException">The node has no such journal: its configuration was not checked.</exception>
    public IJournal? For(NamespaceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return settings.Durability switch
        {
            Durability.Memory => null,
            Durability.Redis => Redis ?? throw Missing(settings.Durability),
            _ => Sql ?? throw Missing(settings.Durability),
        };
    }

    private static InvalidOperationException Missing(Durability durability) => new($"A namespace wants durability '{durability}', but this node has no such journal.");
}

/// <summary>One channel's stream in a journal, seen from the channel's actor: starts I/O, whose results come to the actor as messages.</summary>
/// <param name="journal">Where the stream is.</param>
/// <param name="channel">Its name.</param>
/// <param name="settings">The channel's namespace.</param>
/// <param name="context">The owning actor's.</param>
/// <param name="kept">Records with keys that are kept beyond the history, <see cref="Retention.Kept"/>.</param>
/// <param name="hasSnapshot">True = the stream's snapshot is read as well.</param>
internal sealed class ChannelJournal(IJournal journal, string channel, NamespaceSettings settings, IActorContext context, int kept, bool hasSnapshot)
{
    private NamespaceSettings _settings = settings;
    private int _kept = kept;

    // Results of an earlier instance of the actor are not this one's.
    private readonly object _owner = new();
    private Epoch _epoch;
    private int _sincePruned;
    private long _fence;

    /// <summary>Under which this owner writes; where there is only one, what the last cluster left behind, or 0.</summary>
    public long Fence { init => _fence = value; }

    /// <summary>Who is told that another owner has written; null where there is only one.</summary>
    public IShardOwnership? Ownership { get; init; }

    /// <summary>Keeps by other _settings from now on.</summary>
    public void Take(NamespaceSettings next, int keptNext) => (_settings, _kept) = (next, keptNext);

    /// <summary>What became of the writes; a <see cref="JournalWritten"/> of another instance is none of ours.</summary>
    public bool IsOurs(JournalWritten written) => ReferenceEquals(written.Owner, _owner);

    /// <summary>Takes the stream over and reads it; the actor is told <see cref="JournalRecovered"/> or <see cref="JournalNotRecovered"/>.</summary>
    public void Recover(Epoch epochIfNew, long nowMicros) => ReadAsync(new RecoverStream
    {
        Open = new OpenStream { Stream = channel, Fence = _fence, EpochIfNew = epochIfNew.Value },
        Records = _settings.HistoryLength,
        RecordsSinceMicros = Since(_settings.HistoryAge, nowMicros),
        Ids = _settings.DedupeIds,
        IdsSinceMicros = Since(_settings.DedupeWindow, nowMicros),
        Keys = _kept,
    }).PipeTo(context.Self, success: static recovered => recovered, failure: static error => new JournalNotRecovered(error.Message));

    /// <summary>Begins a new life of the stream, whose store has lost what was acknowledged.</summary>
    public void Renew(Epoch epoch) => journal.RenewAsync(new RenewStream { Stream = channel, Fence = _fence, Epoch = epoch.Value }).PipeTo(
        context.Self,
        success: static result => result.IsDone ? JournalRenewed.Instance : new JournalNotRecovered(result.Reason ?? result.Outcome.ToString()),
        failure: static error => new JournalNotRecovered(error.Message));

    /// <summary>The life that is written to from now on.</summary>
    public void Begin(Epoch epoch) => _epoch = epoch;

    /// <summary>Stores events; the actor is told <see cref="JournalWritten"/>.</summary>
    public void Append(long number, JournalRecord[] records)
    {
        var owner = _owner;
        journal.AppendAsync(new AppendBatch { Stream = channel, Fence = _fence, Epoch = _epoch.Value, Records = records }).PipeTo(
            context.Self,
            success: result => new JournalWritten(owner, number, Failure(result)),
            failure: error => new JournalWritten(owner, number, error.Message));
    }

    /// <summary>Forgets the stream and its snapshot; the actor is told <see cref="JournalRemoved"/>.</summary>
    public void Remove() => journal.RemoveAsync(new RemoveStream { Stream = channel, Fence = _fence }).PipeTo(
        context.Self,
        success: static result => new JournalRemoved(result.IsDone ? null : result.Reason ?? result.Outcome.ToString()),
        failure: static error => new JournalRemoved(error.Message));

    /// <summary>
    /// Counts stored events and drops old ones from time to time: a quarter of what is _kept may stay too long. A journal looks through all that is _kept each time, so
    /// that is four rows for each event.
    /// </summary>
    public void Stored(int events, long nowMicros)
    {
        _sincePruned += events;
        if (_sincePruned <= Math.Max(64, (_settings.HistoryLength + _settings.DedupeIds) / 4))
        {
            return;
        }

        // What is not pruned now is with the next call: the outcome changes nothing here.
        _sincePruned = 0;
        journal.PruneAsync(Retention.Of(channel, _settings, _kept, nowMicros) with { Fence = _fence }).PipeTo(ActorRefs.Nobody);
    }

    private string? Failure(in JournalResult result)
    {
        if (result.Outcome == JournalOutcome.Fenced)
        {
            Ownership?.Fenced(channel, result.State.Fence);
        }

        return result.IsDone ? null : result.Reason ?? result.Outcome.ToString();
    }

    private async Task<JournalRecovered> ReadAsync(RecoverStream wanted)
    {
        var recovery = await journal.RecoverAsync(wanted).ConfigureAwait(false);
        if (Failure(recovery.Opened) is not null && recovery.Opened.Outcome == JournalOutcome.Fenced && Ownership is null)
        {
            // A node that is alone has no store that gives it a higher one; that the stream was a cluster's once must not lock it.
            _fence = recovery.Opened.State.Fence;
            recovery = await journal.RecoverAsync(wanted with { Open = wanted.Open with { Fence = _fence } }).ConfigureAwait(false);
        }

        var snapshot = hasSnapshot && recovery.Opened.IsDone ? await ((ISnapshotStore)journal).LoadSnapshotAsync(channel).ConfigureAwait(false) : null;
        return new JournalRecovered(recovery, snapshot);
    }

    private static long Since(TimeSpan age, long nowMicros) => Math.Max(0, nowMicros - (age.Ticks / TimeSpan.TicksPerMicrosecond));
}

/// <summary>What a journal keeps of a channel, by its namespace. Pure code.</summary>
public static class Retention
{
    /// <summary>What to prune now of any stream, one of a chat session included.</summary>
    /// <param name="channel">The stream.</param>
    /// <param name="settings">The node's.</param>
    /// <param name="nowMicros">Now, microseconds since 1970-01-01 UTC.</param>
    public static PruneStream Of(string channel, RelaySettings settings, long nowMicros)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return Of(channel, settings.For(channel), Kept(channel, settings), nowMicros);
    }

    /// <summary>
    /// Records with keys that a stream keeps beyond its channel's history. A channel keeps its last values. A session, whose records' keys are its own, keeps its
    /// conversation, each message of which may have ended in an error as well, and some for requests that are under way.
    /// </summary>
    /// <param name="channel">The stream.</param>
    /// <param name="settings">The node's.</param>
    public static int Kept(string channel, RelaySettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return ChannelName.IsIn(channel, ChannelName.Sessions) ? (2 * settings.SessionMessages) + 64 : settings.For(channel).KeyedValues;
    }

    /// <summary>What to prune now.</summary>
    /// <param name="channel">The stream.</param>
    /// <param name="settings">Its namespace.</param>
    /// <param name="kept">See <see cref="Kept"/>.</param>
    /// <param name="nowMicros">Now, microseconds since 1970-01-01 UTC.</param>
    public static PruneStream Of(string channel, NamespaceSettings settings, int kept, long nowMicros) => new()
    {
        Stream = channel,
        KeepRecords = settings.HistoryLength,
        KeepSinceMicros = Math.Max(0, nowMicros - (settings.HistoryAge.Ticks / TimeSpan.TicksPerMicrosecond)),
        KeepIds = settings.DedupeIds,
        KeepIdsSinceMicros = Math.Max(0, nowMicros - (settings.DedupeWindow.Ticks / TimeSpan.TicksPerMicrosecond)),
        KeepKeys = kept,
    };
}

/// <summary>To a channel's actor: its stream was taken over and read.</summary>
/// <param name="Recovery">Its content.</param>
/// <param name="Snapshot">What the channel's owner keeps besides; null when there is none.</param>
internal sealed record JournalRecovered(StreamRecovery Recovery, Snapshot? Snapshot = null);

/// <summary>To a channel's actor: its stream cannot be read now.</summary>
internal sealed record JournalNotRecovered(string Reason);

/// <summary>To a channel's actor: its stream has a new life.</summary>
internal sealed class JournalRenewed
{
    public static JournalRenewed Instance { get; } = new();
}

/// <summary>To a channel's actor: what became of the removal of its stream.</summary>
/// <param name="Failure">Why it may still be there; null when it is not.</param>
internal sealed record JournalRemoved(string? Failure);

/// <summary>To a channel's actor: what became of a batch.</summary>
/// <param name="Owner">Whose.</param>
/// <param name="Number">Which.</param>
/// <param name="Failure">Why it is not stored; null when it is.</param>
internal sealed record JournalWritten(object Owner, long Number, string? Failure);

/// <summary>To a channel's actor, by its timer: try again.</summary>
internal sealed class JournalRetry
{
    public static JournalRetry Instance { get; } = new();
}
