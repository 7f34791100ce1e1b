using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <summary>What a client is told when the node leaves (protocols.md: 1001; native clients <c>reconnect</c>, then 1012).</summary>
internal static class Goodbye
{
    /// <summary>After which native clients come back.</summary>
    private const int AfterMilliseconds = 1000;

    /// <summary>Tells it and closes; nothing where it is closing already. Thread-safe.</summary>
    public static void Say(ClientConnection connection, long nowMicros)
    {
        var native = connection.Dialect.Profile.IsNative;
        if (native)
        {
            connection.Send(new ReconnectMessage { TimestampMicros = nowMicros, AfterMilliseconds = AfterMilliseconds, Reason = "shutdown" });
        }

        connection.Close(native ? CloseCode.ServiceRestart : CloseCode.GoingAway, "Server is shutting down");
    }
}
