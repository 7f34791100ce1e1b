namespace Relay.Testing;

/// <summary>A server process ended while its start was waited for; the message holds its output.</summary>
public sealed class ServerEndedException(string message) : Exception(message);
