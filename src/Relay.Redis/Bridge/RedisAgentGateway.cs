using Relay.Actors.Agents;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <summary>
/// Agents behind a Redis list (protocols.md, <c>webui</c>): requests are pushed to its right end, workers pop them from the left, answers come through <c>updates</c>.
/// </summary>
/// <param name="redis">A client for commands.</param>
/// <param name="list">Key of the list.</param>
public sealed class RedisAgentGateway(RedisClient redis, string list) : IAgentGateway
{
    /// <inheritdoc/>
    /// <returns>Null: the answer comes through <c>updates</c>.</returns>
    /// <exception cref="RedisException">Redis is away, full or refuses. After a lost connection or a time-out the request may be in the list all the same.</exception>
    public async Task<byte[]?> SendAsync(ReadOnlyMemory<byte> requestJson, CancellationToken cancellationToken)
    {
        await redis.PushRightAsync(list, requestJson).AsTask().WaitAsync(cancellationToken);
        return null;
    }
}
