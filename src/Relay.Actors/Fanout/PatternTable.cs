using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// The patterns somebody on this node subscribes to. Channels read it on every batch, so it is an immutable snapshot swapped whole; patterns' replicas
/// write it. A channel that is born later finds its patterns here: new channels are seen as well.
/// </summary>
public sealed class PatternTable
{
    private readonly Lock _gate = new();
    private Entry[] _entries = [];

    /// <summary>The current snapshot; compare by reference to see whether it changed.</summary>
    internal Entry[] Entries => Volatile.Read(ref _entries);

    internal void Add(ChannelPattern pattern, IActorRef replica)
    {
        lock (_gate)
        {
            Volatile.Write(ref _entries, [.. _entries, new Entry(pattern, replica)]);
        }
    }

    internal void Remove(IActorRef replica)
    {
        lock (_gate)
        {
            Volatile.Write(ref _entries, [.. _entries.Where(entry => entry.Replica != replica)]);
        }
    }

    internal sealed record Entry(ChannelPattern Pattern, IActorRef Replica);
}
