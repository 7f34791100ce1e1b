namespace Relay.Kernel;

/// <summary>
/// Parent and supervisor of the entities of one shard, and the ear for what they tell their parent. Messages for entities do not come by here: see
/// <see cref="Shard"/>, which outlives a restart of this actor.
/// </summary>
internal sealed class ShardActor(Shard shard) : ActorBase
{
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case IShardMessage:
                // Handed back by an entity that is leaving.
                shard.Tell(message, Sender);
                break;
            case Passivate passivate:
                shard.LetGo(Sender, passivate.StopMessage);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void PostStop() => shard.Close();

    // Entities are not to suffer from a failure of their shard, nor what is kept for them.
    protected override void PreRestart(Exception reason, object? message)
    {
        // Nothing of this instance is to be cleared up.
    }
}
