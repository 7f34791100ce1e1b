using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Commands;
using Relay.Redis.Servers;

namespace Relay.Storage.Journals.Redis;

/// <summary>
/// Puts streams where the ring has them, after servers have come or before they go. No node may run meanwhile; none that is started opens anything before this is done. Interrupted, it is run
/// again: a stream leaves its old server only when the new one has it.
/// </summary>
/// <remarks>
/// A stream's keys go as they are (DUMP, RESTORE) through this process, so servers need not reach each other; what makes that fail is a key beyond the client's bounds or the server's
/// <c>proto-max-bulk-len</c>, 512 MB each.
/// </remarks>
/// <param name="servers">All of them, those that are to be emptied (not sharing) as well.</param>
/// <param name="options">Names of the keys.</param>
public sealed class StreamMover(RedisServers servers, RedisJournalOptions options)
{
    /// <summary>Stands in place of a ring meanwhile.</summary>
    public const string Moving = "(being moved)";

    /// <summary>The largest key that is moved, bytes.</summary>
    public const int MaxKeyBytes = 512 * 1024 * 1024;

    private const int Page = 500;

    /// <returns>How many streams were moved.</returns>
    /// <exception cref="JournalException">A server refused or is away, or a stream lies on two servers; what was moved before stays moved.</exception>
    public async Task<int> MoveAsync()
    {
        foreach (var server in servers.All)
            await AskAsync(server, async () => await server.Client.SetAsync(JournalKeys.Ring(options.Prefix), Moving));
        var moved = 0;
        foreach (var server in servers.All)
            moved += await EmptyAsync(server);
        foreach (var server in servers.All)
        {
            await AskAsync(server, async () =>
            {
                if (server.Shares)
                    await server.Client.SetAsync(JournalKeys.Ring(options.Prefix), servers.Ring.ToString());
                else
                    await server.Client.DeleteAsync(JournalKeys.Ring(options.Prefix));
            });
        }

        return moved;
    }

    private async Task<int> EmptyAsync(RedisServer from)
    {
        var moved = 0;
        for (var after = "-"; ;)
        {
            string[] page = [];
            await AskAsync(from, async () =>
            {
                var names = await from.Client.SendAsync("ZRANGE", JournalKeys.Index(options.Prefix), after, "+", "BYLEX", "LIMIT", 0, Page);
                page = [.. names.Items.ToArray().Select(static name => name.AsString()!)];
            });
            if (page.Length == 0)
                return moved;
            foreach (var stream in page)
            {
                var to = servers.Sharing[servers.Ring.OwnerOf(stream)];
                if (to == from)
                    continue;
                await MoveAsync(stream, from, to);
                moved++;
            }

            after = "(" + page[^1];
        }
    }

    private async Task MoveAsync(string stream, RedisServer from, RedisServer to)
    {
        RedisArg[] keys = [.. JournalKeys.Of(options.Prefix, stream), JournalKeys.Snapshot(options.Prefix, stream)];
        var dumps = new ReadOnlyMemory<byte>?[keys.Length];
        var life = "";
        await AskAsync(from, async () =>
        {
            life = await LifeAsync(from, keys[0]);
            for (var i = 0; i < keys.Length; i++)
            {
                var dump = await from.Client.SendAsync("DUMP", keys[i]);
                dumps[i] = dump.IsNull ? default(ReadOnlyMemory<byte>?) : dump.AsMemory();
            }
        });
        await AskAsync(to, async () =>
        {
            // A run that was interrupted may have left it here, as it is; anything else has been written by somebody who knew another ring.
            if (await LifeAsync(to, keys[0]) is { Length: > 0 } other && other != life)
            {
                throw new JournalException(
                    $"Stream '{stream}' lies on '{from.Name}' ({life}) and, with other contents, on '{to.Name}' ({other}). Way out: find out which is wanted (epoch, head) and delete the other's keys there: {options.Prefix}{{{stream}}}:*",
                    isRetryable: false);
            }

            for (var i = 0; i < keys.Length; i++)
            {
                if (dumps[i] is { } dump)
                    await to.Client.SendAsync("RESTORE", keys[i], 0, dump, "REPLACE");
                else
                    await to.Client.SendAsync("DEL", keys[i]);
            }

            await to.Client.SendAsync("ZADD", JournalKeys.Index(options.Prefix), 0, stream);
        });
        await AskAsync(from, async () =>
        {
            await from.Client.SendAsync(["DEL", .. keys]);
            await from.Client.SendAsync("ZREM", JournalKeys.Index(options.Prefix), stream);
        });
    }

    // Empty when it is not there.
    private static async Task<string> LifeAsync(RedisServer server, RedisArg meta)
    {
        var life = await server.Client.SendAsync("HMGET", meta, "epoch", "head");
        return life.Items[0].IsNull ? "" : $"epoch {life.Items[0].AsString()}, head {life.Items[1].AsString()}";
    }

    private static async Task AskAsync(RedisServer server, Func<Task> ask)
    {
        try
        {
            await ask();
        }
        catch (RedisException error)
        {
            throw new JournalException($"Server '{server.Name}' ({server.Client.Options.EndpointsKey}): {error.Message}", isRetryable: true, error);
        }
    }
}
