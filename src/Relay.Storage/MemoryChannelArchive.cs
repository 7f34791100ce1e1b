using Relay.Actors.Channels;

namespace Relay.Storage;

/// <summary>
/// States of passivated channels in the memory of this process, bounded in number: beyond the bound the channel that slept longest is
/// forgotten and begins a new epoch when it wakes, which tells its clients.
/// </summary>
public sealed class MemoryChannelArchive(int capacity) : IChannelArchive
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Channel, ChannelState State)>> _byName = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Channel, ChannelState State)> _oldestFirst = [];

    /// <summary>Sleeping channels.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _byName.Count;
            }
        }
    }

    /// <inheritdoc/>
    public ChannelState? Take(string channel)
    {
        lock (_gate)
        {
            if (!_byName.Remove(channel, out var node))
            {
                return null;
            }

            _oldestFirst.Remove(node);
            return node.Value.State;
        }
    }

    /// <inheritdoc/>
    public void Put(string channel, ChannelState state)
    {
        lock (_gate)
        {
            if (_byName.Remove(channel, out var old))
            {
                _oldestFirst.Remove(old);
            }

            _byName.Add(channel, _oldestFirst.AddLast((channel, state)));
            if (_byName.Count > capacity)
            {
                _byName.Remove(_oldestFirst.First!.Value.Channel);
                _oldestFirst.RemoveFirst();
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Names(Func<string, bool> isWanted)
    {
        lock (_gate)
        {
            return [.. _byName.Keys.Where(isWanted)];
        }
    }

    /// <inheritdoc/>
    public bool TryRead(string channel, Action<ChannelState> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        lock (_gate)
        {
            if (!_byName.TryGetValue(channel, out var node))
            {
                return false;
            }

            read(node.Value.State);
            return true;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<(string Channel, ChannelState State)> TakeAll(Func<string, bool> isWanted)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        var taken = new List<(string, ChannelState)>();
        lock (_gate)
        {
            for (var node = _oldestFirst.First; node is not null;)
            {
                var next = node.Next;
                if (isWanted(node.Value.Channel))
                {
                    _oldestFirst.Remove(node);
                    _byName.Remove(node.Value.Channel);
                    taken.Add(node.Value);
                }

                node = next;
            }
        }

        return taken;
    }
}
