using Relay.Redis.Resp;

namespace Relay.Redis.Commands;

/// <summary>Streams and consumer groups (redis.io/docs/data-types/streams). Each method is one command.</summary>
public static class RedisStreamCommands
{
    /// <summary>XADD with an id from the server.</summary>
    /// <param name="redis">Any client.</param>
    /// <param name="stream">The stream's key.</param>
    /// <param name="maxLength">Trims to about this many entries (<c>MAXLEN ~</c>); 0 for no trimming.</param>
    /// <param name="fields">Names and values in turn, at least one pair.</param>
    /// <returns>The id of the new entry.</returns>
    public static ValueTask<string> StreamAddAsync(this RedisClient redis, string stream, long maxLength, params ReadOnlySpan<RedisArg> fields)
    {
        if (fields.IsEmpty || fields.Length % 2 != 0)
            throw new ArgumentException("XADD takes names and values in turn, at least one pair.", nameof(fields));
        RedisArg[] command = maxLength > 0
            ? ["XADD", stream, "MAXLEN", "~", maxLength, "*", .. fields]
            : ["XADD", stream, "*", .. fields];
        return TextAsync(redis.SendAsync(command));
    }

    public static async ValueTask<long> StreamLengthAsync(this RedisClient redis, string stream) =>
        (await redis.SendAsync("XLEN", stream)).AsInteger();

    /// <summary>XGROUP CREATE … MKSTREAM.</summary>
    /// <param name="redis">Any client.</param>
    /// <param name="stream">The stream's key; created when missing.</param>
    /// <param name="group">The group's name.</param>
    /// <param name="from"><c>$</c> for entries added from now on, <c>0</c> for all.</param>
    /// <returns>False when the group exists.</returns>
    public static async ValueTask<bool> StreamGroupCreateAsync(this RedisClient redis, string stream, string group, string from)
    {
        try
        {
            await redis.SendAsync("XGROUP", "CREATE", stream, group, from, "MKSTREAM");
            return true;
        }
        catch (RedisException error) when (string.Equals(error.Code, "BUSYGROUP", StringComparison.Ordinal))
        {
            return false;
        }
    }

    /// <summary>XREADGROUP … BLOCK on a dedicated client: new entries of one or more streams for this consumer.</summary>
    /// <param name="redis">A client made by <see cref="RedisClient.Dedicated"/>.</param>
    /// <param name="group">The group.</param>
    /// <param name="consumer">This consumer.</param>
    /// <param name="count">At most this many entries per stream.</param>
    /// <param name="block">How long the server waits for the first; above zero.</param>
    /// <param name="streams">Keys of the streams.</param>
    /// <returns>Empty when nothing came in time.</returns>
    public static ValueTask<StreamBatch[]> StreamReadGroupAsync(
        this RedisClient redis, string group, string consumer, int count, TimeSpan block, params ReadOnlySpan<string> streams) =>
        ReadGroupAsync(redis, group, consumer, count, block, streams, ">");

    /// <summary>As <see cref="StreamReadGroupAsync"/> with id 0: what was delivered to this consumer before and not acknowledged. Does not block.</summary>
    public static ValueTask<StreamBatch[]> StreamReadOwnPendingAsync(
        this RedisClient redis, string group, string consumer, int count, params ReadOnlySpan<string> streams) =>
        ReadGroupAsync(redis, group, consumer, count, TimeSpan.Zero, streams, "0");

    /// <summary>As <see cref="StreamReadOwnPendingAsync"/>, only what comes behind <paramref name="after"/>.</summary>
    public static async ValueTask<StreamEntry[]> StreamReadOwnPendingAfterAsync(
        this RedisClient redis, string group, string consumer, int count, string stream, string after) =>
        [.. (await ReadGroupAsync(redis, group, consumer, count, TimeSpan.Zero, [stream], after)).SelectMany(static batch => batch.Entries)];

    /// <summary>XPENDING in its long form: ids of what a consumer holds, oldest first.</summary>
    public static async ValueTask<string[]> StreamPendingIdsAsync(this RedisClient redis, string stream, string group, string consumer, int count)
    {
        var reply = await redis.SendAsync("XPENDING", stream, group, "-", "+", count, consumer);
        return [.. reply.Items.ToArray().Select(static one => one.Items[0].AsString()!)];
    }

    /// <summary>XACK: the number of entries that were pending.</summary>
    public static ValueTask<long> StreamAcknowledgeAsync(this RedisClient redis, string stream, string group, params ReadOnlySpan<string> ids)
    {
        var command = new RedisArg[3 + ids.Length];
        command[0] = "XACK";
        command[1] = stream;
        command[2] = group;
        for (var i = 0; i < ids.Length; i++)
            command[3 + i] = ids[i];
        return IntegerAsync(redis.SendAsync(command));
    }

    /// <summary>XAUTOCLAIM: takes over what other consumers have held unacknowledged for at least <paramref name="minIdle"/>.</summary>
    /// <param name="redis">Any client.</param>
    /// <param name="stream">The stream's key.</param>
    /// <param name="group">The group.</param>
    /// <param name="consumer">Who takes over.</param>
    /// <param name="minIdle">Time since the last delivery.</param>
    /// <param name="cursor"><c>0-0</c> at first, then what the last call returned.</param>
    /// <param name="count">Entries to look at per call.</param>
    public static async ValueTask<ClaimedEntries> StreamAutoClaimAsync(
        this RedisClient redis, string stream, string group, string consumer, TimeSpan minIdle, string cursor, int count)
    {
        var reply = await redis.SendAsync("XAUTOCLAIM", stream, group, consumer, (long)minIdle.TotalMilliseconds, cursor, "COUNT", count);
        var items = reply.Items;
        if (items.Length < 2)
            throw RedisException.Protocol($"XAUTOCLAIM was answered by {reply}");
        var deleted = items.Length > 2 ? Array.ConvertAll(items[2].Items.ToArray(), static id => id.AsString()!) : [];
        // Before Redis 7 an entry that was deleted meanwhile comes as null in the list.
        var alive = new List<StreamEntry>(items[1].Items.Length);
        foreach (ref readonly var entry in items[1].Items)
        {
            if (!entry.IsNull)
                alive.Add(StreamEntry.Parse(entry));
        }

        return new ClaimedEntries(items[0].AsString()!, [.. alive], deleted);
    }

    /// <summary>XAUTOCLAIM … JUSTID: as <see cref="StreamAutoClaimAsync"/> for whatever is pending, however short a time, without bringing it.</summary>
    /// <returns>The next cursor; <c>0-0</c> = that was all.</returns>
    public static async ValueTask<string> StreamTakeOverAsync(this RedisClient redis, string stream, string group, string consumer, string cursor, int count)
    {
        var reply = await redis.SendAsync("XAUTOCLAIM", stream, group, consumer, 0, cursor, "COUNT", count, "JUSTID");
        return reply.Items.Length < 2 ? throw RedisException.Protocol($"XAUTOCLAIM was answered by {reply}") : reply.Items[0].AsString()!;
    }

    /// <summary>XPENDING in its summary form.</summary>
    public static async ValueTask<PendingSummary> StreamPendingAsync(this RedisClient redis, string stream, string group)
    {
        var reply = await redis.SendAsync("XPENDING", stream, group);
        var items = reply.Items;
        if (items.Length != 4)
            throw RedisException.Protocol($"XPENDING was answered by {reply}");
        var consumers = Array.ConvertAll(items[3].Items.ToArray(),
            static consumer => KeyValuePair.Create(consumer.Items[0].AsString()!, consumer.Items[1].AsInteger()));
        return new PendingSummary(items[0].AsInteger(), consumers);
    }

    private static ValueTask<StreamBatch[]> ReadGroupAsync(
        RedisClient redis, string group, string consumer, int count, TimeSpan block, ReadOnlySpan<string> streams, string from)
    {
        if (streams.IsEmpty)
            throw new ArgumentException("XREADGROUP takes at least one stream.", nameof(streams));
        var command = new List<RedisArg> { "XREADGROUP", "GROUP", group, consumer, "COUNT", count };
        if (block > TimeSpan.Zero)
            command.AddRange(["BLOCK", RedisKeyCommands.Milliseconds(block)]);
        command.Add("STREAMS");
        foreach (var stream in streams)
            command.Add(stream);
        for (var i = 0; i < streams.Length; i++)
            command.Add(from);
        RedisArg[] whole = [.. command];
        return BatchesAsync(block > TimeSpan.Zero ? redis.SendBlockingAsync(block, whole) : redis.SendAsync(whole));
    }

    private static async ValueTask<StreamBatch[]> BatchesAsync(ValueTask<RedisValue> answer)
    {
        // RESP3 gives a map: stream, entries, stream, entries, …
        var reply = await answer;
        var items = reply.Items;
        if (items.Length % 2 != 0 || (!reply.IsNull && reply.Kind != RespKind.Map))
            throw RedisException.Protocol($"XREADGROUP was answered by {reply}");
        var batches = new StreamBatch[items.Length / 2];
        for (var i = 0; i < batches.Length; i++)
            batches[i] = new StreamBatch(items[2 * i].AsString()!, StreamEntry.ParseAll(items[(2 * i) + 1]));
        return batches;
    }

    private static async ValueTask<string> TextAsync(ValueTask<RedisValue> answer) =>
        (await answer).AsString() ?? throw RedisException.Protocol("expected a text, the server sent null");

    private static async ValueTask<long> IntegerAsync(ValueTask<RedisValue> answer) => (await answer).AsInteger();
}
