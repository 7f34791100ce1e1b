using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>
/// An actor that is a channel and more: it sees what its channel accepts, and may keep more of it in the channel's stream than the history. Called in the
/// actor's own turn.
/// </summary>
internal interface IChannelOwner
{
    /// <summary>An event that others may see from now on: in order, before it is delivered. A durable channel's events are stored by then.</summary>
    void Observe(Publication publication);

    /// <summary>How a durable channel stores an event it has accepted.</summary>
    JournalRecord RecordOf(Publication publication, string scope);

    /// <summary>The channel begins, or begins again, with what its journal holds; nobody has been shown the new part of it yet.</summary>
    void Recovered(JournalRecovered recovered);

    /// <summary>The journal cannot be read now; it is tried again by itself.</summary>
    void Unreachable(string reason);
}
