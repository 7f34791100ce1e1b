using Relay.Redis.Resp;

namespace Relay.Redis.Commands;

/// <summary>One entry of a stream.</summary>
/// <param name="Id">Such as <c>1526919030474-55</c>.</param>
/// <param name="Fields">Names and values in turn, in the order of XADD. Null when the entry was deleted or trimmed but is still pending for a consumer.</param>
public sealed record StreamEntry(string Id, RedisValue[]? Fields)
{
    /// <summary>The value of a field; null value when there is no such field.</summary>
    public RedisValue Field(ReadOnlySpan<byte> utf8Name)
    {
        for (var i = 0; Fields is not null && i + 1 < Fields.Length; i += 2)
        {
            if (Fields[i].AsMemory().Span.SequenceEqual(utf8Name))
                return Fields[i + 1];
        }

        return default;
    }

    internal static StreamEntry Parse(in RedisValue reply)
    {
        var items = reply.Items;
        if (items.Length != 2)
            throw RedisException.Protocol($"a stream entry came as {reply}");
        return new StreamEntry(items[0].AsString()!, items[1].IsNull ? null : items[1].Items.ToArray());
    }

    internal static StreamEntry[] ParseAll(in RedisValue reply)
    {
        var items = reply.Items;
        var entries = new StreamEntry[items.Length];
        for (var i = 0; i < items.Length; i++)
            entries[i] = Parse(items[i]);
        return entries;
    }
}

/// <summary>Entries that one stream had for a reader.</summary>
public sealed record StreamBatch(string Stream, StreamEntry[] Entries);

/// <summary>What XAUTOCLAIM took over.</summary>
/// <param name="Cursor">Where to go on; <c>0-0</c> when the whole list of pending entries was seen.</param>
/// <param name="Entries">Entries that are now this consumer's.</param>
/// <param name="Deleted">Ids that were pending but no longer in the stream; Redis has dropped them (empty before Redis 7).</param>
public sealed record ClaimedEntries(string Cursor, StreamEntry[] Entries, string[] Deleted);

/// <summary>Summary form of XPENDING.</summary>
/// <param name="Count">Entries delivered and not acknowledged, of all consumers.</param>
/// <param name="Consumers">Name and count of each consumer that has some.</param>
public sealed record PendingSummary(long Count, IReadOnlyList<KeyValuePair<string, long>> Consumers);
