using Relay.Kernel;

namespace Relay.Actors.Channels;

/// <summary>
/// The one authority of a channel. Lives in the channels' shard region under the channel's name, comes with its first message and passivates
/// when nobody on any node listens and nothing was said for a while.
/// </summary>
public sealed class ChannelActor : ActorBase, IBatchReceiver
{
    private readonly string _channel;
    private readonly ChannelCore _core;
    private readonly ChannelRest _rest;

    /// <summary>Wakes the channel of the actor's name. Not an argument, so that all channels share one recipe.</summary>
    public ChannelActor(ChannelServices services)
    {
        _channel = Self.Path.Name;
        _core = new ChannelCore(_channel, services, Context);
        _rest = new ChannelRest(_core, Context);
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        _core.CountLive(1);
        _rest.Begin();
        _core.Start();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (_rest.TryTurnAway(message))
        {
            return;
        }

        if (_rest.IsPassivating && message is ReplicaJoin)
        {
            // It would lose its owner at once. Everything else is still answered here, in its order.
            Context.Parent.Tell(new ShardEnvelope(_channel, message), Sender);
            return;
        }

        if (!_core.TryHandle(message) && !_rest.TryHandle(message))
        {
            Unhandled(message);
        }
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted()
    {
        _core.CompleteTurn();
        _rest.CompleteTurn();
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        _core.CountLive(-1);
        _core.Save();
    }
}
