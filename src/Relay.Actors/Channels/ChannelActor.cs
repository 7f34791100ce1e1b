using Relay.Kernel;

namespace Relay.Actors.Channels;

/// <summary>
/// The one authority of a channel. Lives in the channels' shard region under the channel's name, comes with its first message and passivates
/// when nobody on any node listens and nothing was said for a while.
/// </summary>
public sealed class ChannelActor : ActorBase, IBatchReceiver
{
    /// <summary>Long enough that a channel published to once a minute stays; its state survives either way.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);

    private readonly string _channel;
    private readonly ChannelCore _core;
    private bool _passivating;
    private bool _resting;

    /// <summary>Wakes the channel of the actor's name. Not an argument, so that all channels share one recipe.</summary>
    public ChannelActor(ChannelServices services)
    {
        _channel = Self.Path.Name;
        _core = new ChannelCore(_channel, services, Context);
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.SetReceiveTimeout(IdleTime);
        _core.Start();
    }

    // A channel that is listened to never goes: it needs no timer.
    private void WatchIdleness()
    {
        if (_core.HasReplicas != Context.ReceiveTimeout is null)
        {
            Context.SetReceiveTimeout(_core.HasReplicas ? null : IdleTime);
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (_passivating && message is ReplicaJoin)
        {
            // It would lose its owner at once. Everything else is still answered here, in its order.
            Context.Parent.Tell(new ShardEnvelope(_channel, message), Sender);
            return;
        }

        if (_core.TryHandle(message))
        {
            return;
        }

        switch (message)
        {
            case ReceiveTimeout:
                if (!_core.HasReplicas && _core.CanRest && !_passivating)
                {
                    _passivating = true;
                    Context.Parent.Tell(new Passivate(Rest.Instance), Self);
                }

                break;
            case Rest:
                // What was published meanwhile is still to be confirmed by the journal.
                _resting = true;
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void OnBatchCompleted()
    {
        _core.CompleteTurn();
        WatchIdleness();
        if (_resting && _core.CanRest)
        {
            Context.Stop(Self);
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => _core.Save();

    /// <summary>Comes behind the last message of the outside.</summary>
    private sealed class Rest
    {
        public static Rest Instance { get; } = new();
    }
}
