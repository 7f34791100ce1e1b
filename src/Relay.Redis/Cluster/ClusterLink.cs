using Relay.Cluster.Engine;

namespace Relay.Redis.Cluster;

/// <summary>A connection of the engine that remembers why it is down until it is up: between two attempts the client itself only knows that it is connecting.</summary>
internal sealed class ClusterLink : IAsyncDisposable
{
    private volatile RedisStateChange? _down;

    public ClusterLink(RedisClient client)
    {
        Client = client;
        client.StateChanged += change => _down = change.State switch
        {
            RedisState.Down => change,
            RedisState.Ready => null,
            _ => _down,
        };
    }

    public RedisClient Client { get; }

    /// <summary>Null while it is up, and before the first attempt has failed.</summary>
    public string? Illness => _down?.Reason;

    /// <summary>Trouble on this connection as a cluster is told of it.</summary>
    public ClusterEngineException Fault(RedisException error) =>
        error.Kind == RedisErrorKind.Unavailable && _down is { Error: { } cause, Reason: { } reason }
            ? new ClusterEngineException(reason, IsRetryable(cause), error)
            : new ClusterEngineException(error.Message, IsRetryable(error), error);

    public ValueTask DisposeAsync() => Client.DisposeAsync();

    /// <summary>False where only a person can help: a wrong password, a missing right, a key of another type.</summary>
    private static bool IsRetryable(RedisException error) => error.Kind switch
    {
        RedisErrorKind.Closed or RedisErrorKind.Protocol => false,
        RedisErrorKind.ServerError => error.Code is "LOADING" or "BUSY" or "OOM" or "READONLY" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "NOSCRIPT"
            or "MISCONF" or "NOREPLICAS",
        _ => true,
    };
}
