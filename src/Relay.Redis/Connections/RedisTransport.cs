using System.Net.Sockets;

namespace Relay.Redis.Connections;

/// <summary>The bytes to and from a server.</summary>
/// <param name="Stream">Owns the connection. Written to; read from when <paramref name="Watchable"/> is null.</param>
/// <param name="Watchable">The stream's socket when it is to be read without waiting, as a watcher reports input: non-blocking, unknown to the runtime's socket engine.</param>
internal sealed record RedisTransport(Stream Stream, Socket? Watchable = null);
