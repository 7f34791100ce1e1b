using Relay.Actors.Cluster;
using Relay.Kernel;

namespace Relay.Actors.Sessions;

/// <content>In a cluster: what becomes of those who wait for a session that goes to another node. Those of other nodes ask there by themselves.</content>
public sealed partial class SessionActor
{
    // Lost: what was on its way to the journal may be stored or not.
    private void LeaveBehind()
    {
        const string Moved = "The session has moved to another node";
        foreach (var asked in _asked.Values.Where(static asked => asked.Asker is not IRemoteRef))
        {
            Refuse(asked.Asker, Moved);
        }

        if (_asker is { } asker and not IRemoteRef)
        {
            Refuse(asker, Moved);
        }

        _asked.Clear();
        _asker = null;
    }

    // An answer that is still to come is the next owner's to give.
    private void PassOnAwaiting()
    {
        if (_services.Channel.Ownership is null)
        {
            return;
        }

        foreach (var (requestId, waiting) in _awaiting)
        {
            if (waiting is not IRemoteRef)
            {
                Context.Parent.Tell(new ShardEnvelope(_core.Channel, new AwaitAnswer(requestId)), waiting);
            }
        }
    }
}
