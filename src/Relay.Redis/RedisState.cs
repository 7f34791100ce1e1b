namespace Relay.Redis;

public enum RedisState
{
    Connecting,
    Ready,
    Down,
}

/// <summary>What a client tells about its connection.</summary>
/// <param name="State">The new state.</param>
/// <param name="Role">Which connection: <c>commands</c>, <c>subscriber</c> or the name of a dedicated one.</param>
/// <param name="Endpoint">The server it is about.</param>
/// <param name="Reason">For Down: one sentence with what happened and the way out. Null otherwise.</param>
/// <param name="Error">For Down: the cause.</param>
/// <param name="Attempt">Attempts since the connection was last ready; 1 for the first.</param>
/// <param name="DownFor">Time since it was last ready, or since the start; zero when it has just been lost.</param>
public sealed record RedisStateChange(
    RedisState State, string Role, RedisEndpoint Endpoint, string? Reason, RedisException? Error, int Attempt, TimeSpan DownFor);
