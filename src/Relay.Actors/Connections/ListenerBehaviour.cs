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
            core.SubscribeSilently("projects/" + core.Client.Request.ProjectId);
        }
        else
        {
            core.SubscribeSilently("users/" + core.Client.Request.UserId);
            core.SubscribeSilently("users");
        }
    }

    public bool TryHandle(ClientCommand command) => false;

    public bool TryReceive(object message) => false;

    public void Stop()
    {
        // Nobody is told that a listener left.
    }
}
