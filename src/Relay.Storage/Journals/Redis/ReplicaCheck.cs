using System.Globalization;
using Relay.Redis;

namespace Relay.Storage.Journals.Redis;

/// <summary>
/// Whether replicas have what was written: one WAIT behind all writes of a group. A primary that a partition has cut off answers every write, and forgets them when it
/// becomes a replica; what another server has as well is still there then.
/// </summary>
/// <remarks>
/// WAIT speaks of what was written over the same connection, and only of that: on a new one it is content with nothing. So the line is taken before the first write and
/// asked behind the last, and a line that broke in between confirms nothing.
/// </remarks>
/// <param name="redis">A dedicated client, over which the writes go.</param>
/// <param name="replicas">So many must have it.</param>
/// <param name="timeout">How long they are waited for.</param>
internal sealed class ReplicaCheck(RedisClient redis, int replicas, TimeSpan timeout)
{
    /// <summary>To be taken before the writes.</summary>
    public RedisLine? Line => redis.Line;

    /// <returns>Null, or why it is not certain that enough replicas have it.</returns>
    public async ValueTask<string?> ConfirmAsync(RedisLine? line)
    {
        if (line is null)
        {
            return "the connection was lost meanwhile";
        }

        try
        {
            var confirmed = await line.WaitAsync(replicas, timeout);
            return confirmed >= replicas
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"only {confirmed} of {replicas} replicas had it within {timeout.TotalSeconds:0.###} s (Relay:Redis:WaitReplicas)");
        }
        catch (RedisException error)
        {
            return error.Message;
        }
    }
}
