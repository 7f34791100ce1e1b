using Relay.Redis.Resp;

namespace Relay.Redis.Connections;

/// <summary>Opens a connection and brings it to where commands may be sent: TCP, TLS, HELLO 3 with AUTH and SETNAME, SELECT, PING.</summary>
/// <remarks>
/// HELLO does all in one question since Redis 6. Older servers are refused: pushes on RESP2 turn a connection into another protocol,
/// and nothing the relay promises was ever tried on them. The PING at the end finds a server that is still loading, which HELLO does not tell.
/// A replica is refused, because the relay writes through every command connection and a list of endpoints should lead to the primary. HELLO tells the role as ROLE does,
/// and needs no right of its own.
/// </remarks>
internal static class RedisHandshake
{
    public static async Task<RedisConnection> OpenAsync(
        RedisEndpoint endpoint, RedisOptions options, RedisServices services, string role, IPushSink? sink, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(options.ConnectTimeout, services.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        RedisConnection? connection = null;
        try
        {
            var transport = await RedisDialer.DialAsync(endpoint, options, services.Sockets is not null, either.Token);
            connection = new RedisConnection(transport, endpoint, options, services, role, sink);
            connection.Start();
            await GreetAsync(connection, options, role).WaitAsync(either.Token);
            return connection;
        }
        catch (Exception error)
        {
            // When the connection broke, the greeting only knows that it was in flight; the connection knows why.
            var cause = connection?.Fault ?? error;
            if (connection is not null)
                await connection.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw RedisFaults.Connecting(cause, endpoint, options);
        }
    }

    private static async Task GreetAsync(RedisConnection connection, RedisOptions options, string role)
    {
        // The handshake as a whole has a bound, so its commands need none.
        var hello = await connection.SendAsync(Hello(options, role), Timeout.InfiniteTimeSpan);
        if (hello.Kind != RespKind.Map)
            throw RedisException.Protocol($"HELLO was answered by {hello}");
        if (hello.Field("mode"u8).AsString() == "sentinel" != options.IsForSentinel)
            throw options.IsForSentinel ? RedisFaults.NoSentinel(connection.Endpoint, options) : RedisFaults.Sentinel(connection.Endpoint, options);
        if (hello.Field("role"u8).AsString() is "replica" or "slave")
            throw RedisFaults.Replica(connection.Endpoint, options);
        if (options.Database != 0)
            await connection.SendAsync(["SELECT", options.Database], Timeout.InfiniteTimeSpan);
        try
        {
            await connection.SendAsync(["PING"], Timeout.InfiniteTimeSpan);
        }
        catch (RedisException error) when (string.Equals(error.Code, "NOPERM", StringComparison.Ordinal))
        {
            // A user without the right to PING has got an answer all the same: the server is up and not loading.
        }
    }

    private static RedisArg[] Hello(RedisOptions options, string role)
    {
        RedisArg name = $"{options.ClientName}:{role}";
        return options.Password is { } password
            ? ["HELLO", 3, "AUTH", options.User ?? "default", password, "SETNAME", name]
            : ["HELLO", 3, "SETNAME", name];
    }
}
