using Relay.Kernel.Persistence;
using Relay.Node.Configuration;
using Relay.Redis;
using Relay.Redis.Resp;
using Relay.Redis.Servers;
using Relay.Storage.Journals.Redis;

namespace Relay.Node.Hosting;

/// <summary>The errand <c>--move-redis-streams</c>: durable streams go where the configured servers have them (docs/cluster-redis.md, "Several servers").</summary>
internal static class MoveRedisStreams
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>Longer than two heartbeats.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    /// <returns>Exit code.</returns>
    public static async Task<int> RunAsync(RelayOptions options, TextWriter output, TextWriter error)
    {
        try
        {
            // A stream goes over in one piece.
            await using var servers = new RedisServers(
                [.. options.Redis.Servers.Select(static server => server with
                {
                    Connection = server.Connection with { MaxPendingBytes = StreamMover.MaxKeyBytes, ReplyLimits = new RespLimits { MaxFrameBytes = StreamMover.MaxKeyBytes } },
                })],
                new RedisServices());
            await ConnectAsync(servers);
            if (options.Cluster.Enabled && await FindLiveNodeAsync(servers.Main, options.Cluster.Name) is { } node)
            {
                error.WriteLine($"nothing was moved: node {node} runs. Stop all nodes first");
                return NodeInvocation.CannotStart;
            }

            var moved = await new StreamMover(servers, new RedisJournalOptions()).MoveAsync();
            await TellClusterAsync(servers, options.Cluster);
            output.WriteLine($"{moved} streams moved; they are spread over the servers {servers.Ring}");
            return NodeInvocation.Success;
        }
        catch (Exception wrong) when (wrong is JournalException or RedisException)
        {
            error.WriteLine($"not finished, run it again when this is mended; until then no node opens durable channels: {wrong.Message}");
            return NodeInvocation.CannotStart;
        }
    }

    private static async Task ConnectAsync(RedisServers servers)
    {
        foreach (var server in servers.All)
        {
            server.Client.Start();
            try
            {
                await server.Client.WaitReadyAsync().WaitAsync(Patience, TimeProvider.System);
            }
            catch (TimeoutException)
            {
                throw new RedisException(RedisErrorKind.Unavailable, $"server '{server.Name}' is not there: {server.Client.State.Reason ?? "no answer"}");
            }
        }
    }

    // Members that died together stay in the list: only one whose heartbeat goes on runs.
    private static async Task<string?> FindLiveNodeAsync(RedisClient redis, string cluster)
    {
        var before = await MembersAsync(redis, cluster);
        if (before.Count == 0)
        {
            return null;
        }

        await Task.Delay(Silence, TimeProvider.System);
        return (await MembersAsync(redis, cluster)).FirstOrDefault(member => before.GetValueOrDefault(member.Key) != member.Value).Key;
    }

    // Members that died together would keep the nodes that come from changing the ring.
    private static async Task TellClusterAsync(RedisServers servers, ClusterOptions cluster)
    {
        var state = $"{{{cluster.Name}}}:state";
        if (cluster.Enabled && (await servers.Main.SendAsync("HEXISTS", state, "ring")).AsBoolean())
        {
            await servers.Main.SendAsync("HSET", state, "ring", servers.Ring.ToString());
        }
    }

    private static async Task<Dictionary<string, string>> MembersAsync(RedisClient redis, string cluster)
    {
        var state = (await redis.SendAsync("HGETALL", $"{{{cluster}}}:state")).Items.ToArray();
        return state.Chunk(2).Where(static field => field[0].AsString()!.StartsWith("n:", StringComparison.Ordinal))
            .ToDictionary(static field => field[0].AsString()![2..], static field => field[1].AsString()!, StringComparer.Ordinal);
    }
}
