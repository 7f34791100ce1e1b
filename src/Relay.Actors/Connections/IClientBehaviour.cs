using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// What one client family makes of its connection: greeting, its own commands, farewell. One instance per connection, owned by its actor; what is the
/// same for all families stands in <see cref="ConnectionActor"/> and <see cref="ConnectionCore"/>.
/// </summary>
internal interface IClientBehaviour
{
    /// <summary>The connection is open: greet and subscribe.</summary>
    void Start();

    /// <summary>Handles a command; false when the family has none of this kind.</summary>
    bool TryHandle(ClientCommand command);

    /// <summary>Handles an answer of another actor; false when it is none of this behaviour's.</summary>
    bool TryReceive(object message);

    /// <summary>The client is gone, and the registry still knows it: keep what it may come back to.</summary>
    void SaveSession()
    {
        // Only native clients come back to a session.
    }

    /// <summary>The client is gone; its subscriptions are still there.</summary>
    void Stop();
}
