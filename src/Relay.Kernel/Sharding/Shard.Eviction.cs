using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <content>How all entities of a shard go, because it is to live in another process.</content>
internal sealed partial class Shard
{
    // Of a distributed region; null = the shard always lives here.
    private readonly ShardDoor? _door;
    private bool _evicted;
    private Action? _whenEmpty;

    /// <summary>
    /// Lets all entities go: each is told <paramref name="stopMessage"/> behind what came before, and is to stop itself then; what comes later goes back to the
    /// shard's door, until <see cref="Reopen"/>.
    /// </summary>
    /// <param name="stopMessage">To each entity, also to one that was told another one before.</param>
    /// <param name="whenEmpty">Called once, when the last of them has stopped; perhaps at once. Not called when this is called again before that.</param>
    public void Evict(object stopMessage, Action whenEmpty)
    {
        lock (_gate)
        {
            _evicted = true;
            foreach (var (name, leaving) in _leaving)
            {
                Return(name, leaving.Kept);
            }

            foreach (var entity in _cell.Children.Cast<ActorCell>())
            {
                // One that passivates may wait for what never comes now: it is told the new reason as well.
                if (!_leaving.TryGetValue(entity.Name!, out var leaving) || !ReferenceEquals(leaving.Told, stopMessage))
                {
                    _leaving[entity.Name!] = new(stopMessage);
                    entity.TryTell(stopMessage, _cell);
                }
            }

            if (_entities > 0)
            {
                _whenEmpty = whenEmpty;
                return;
            }
        }

        whenEmpty();
    }

    /// <summary>Tells every entity that is not about to go. Returns how many those are.</summary>
    public int TellAll(object message)
    {
        lock (_gate)
        {
            var told = 0;
            foreach (var entity in _cell.Children.Cast<ActorCell>())
            {
                told += !_leaving.ContainsKey(entity.Name!) && entity.TryTell(message, _cell) ? 1 : 0;
            }

            return told;
        }
    }

    /// <summary>Entities may live here again. Only when there are none.</summary>
    public void Reopen()
    {
        lock (_gate)
        {
            _evicted = false;
        }
    }

    // In front of what the door holds: that came since the door was shut, this before. The door takes its own lock inside this one, and never the other way round.
    private void Return(string name, Queue<Kept> kept)
    {
        _door!.Return([.. kept.Select(one => (Addressed(name, one.Message), one.Sender))]);
        kept.Clear();
    }

    private static object Addressed(string name, object message) => message as IShardMessage ?? new ShardEnvelope(name, message);
}
