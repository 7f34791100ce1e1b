using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// <c>projects</c> and <c>updates</c>: clients that only listen. A project's client gets <c>projects/{id}</c>; a user's client gets
/// <c>users/{id}</c> and what goes to every user.
/// </summary>
internal sealed class ListenerBehaviour(ConnectionCore core) : IClientBehaviour
{
    public void Start()
    {
        if (core.Client.Kind == DialectKind.Projects)
        {
            Hear("projects/" + core.Client.Request.ProjectId);
        }
        else
        {
            Hear("users/" + core.Client.Request.UserId);
            Hear(ChannelName.Users);
        }
    }

    // The door has refused whom the first is not for; the second may be out of reach of a key that was given for some users.
    private void Hear(string channel)
    {
        if (core.May(ChannelRights.Subscribe, channel))
        {
            core.SubscribeSilently(channel);
        }
    }

    public bool TryHandle(ClientCommand command) => false;

    public bool TryReceive(object message) => false;

    public void Stop()
    {
        // Nobody is told that a listener left.
    }
}
