using Relay.Redis.Connections;

namespace Relay.Redis;

/// <summary>
/// One connection of a client, until it breaks: what is sent over it while it stands comes after what the client sent before. A client that has connected
/// again has another line.
/// </summary>
public sealed class RedisLine
{
    private readonly RedisConnection _connection;
    private readonly RedisOptions _options;

    internal RedisLine(RedisConnection connection, RedisOptions options)
    {
        _connection = connection;
        _options = options;
    }

    /// <summary>
    /// WAIT: so many replicas have everything that was written over this line until now; fewer than asked for when the time is over. Later commands of the client
    /// wait behind it.
    /// </summary>
    /// <param name="replicas">How many must have it; at least one.</param>
    /// <param name="timeout">How long the server waits for them; the usual time-out begins then. Above zero.</param>
    /// <exception cref="RedisException">Unavailable when the line is broken: what was written over it may be gone, whatever another connection's WAIT says.</exception>
    public async ValueTask<long> WaitAsync(int replicas, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(replicas, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.FromMilliseconds(1));
        return (await _connection.SendAsync(["WAIT", replicas, (long)timeout.TotalMilliseconds], _options.CommandTimeout, timeout)).AsInteger();
    }
}
