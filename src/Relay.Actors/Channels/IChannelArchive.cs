namespace Relay.Actors.Channels;

/// <summary>
/// Keeps the state of channels whose actors are passivated, so that an idle channel costs no actor and still keeps its sequence, history and
/// publish ids. Thread-safe.
/// </summary>
public interface IChannelArchive
{
    /// <summary>Takes the state of a channel out; null when there is none.</summary>
    ChannelState? Take(string channel);

    /// <summary>Puts a state in; a bounded archive may forget the oldest ones, whose channels then begin a new epoch.</summary>
    void Put(string channel, ChannelState state);

    /// <summary>The channels it has whose names are wanted.</summary>
    IReadOnlyList<string> Names(Func<string, bool> isWanted);

    /// <summary>Looks at a state that stays; nobody can take it meanwhile. False when there is none.</summary>
    bool TryRead(string channel, Action<ChannelState> read);

    /// <summary>Takes out all channels whose names are wanted: their shard goes to another node.</summary>
    IReadOnlyList<(string Channel, ChannelState State)> TakeAll(Func<string, bool> isWanted);
}
