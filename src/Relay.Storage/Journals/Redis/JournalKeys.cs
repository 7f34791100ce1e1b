using Relay.Redis;

namespace Relay.Storage.Journals.Redis;

/// <summary>Names of a journal's keys on its server.</summary>
internal static class JournalKeys
{
    /// <summary>Sorted set: the names of all streams, all with score 0.</summary>
    public static string Index(string prefix) => prefix + "streams";

    /// <summary>String: the servers that streams are spread over.</summary>
    public static string Ring(string prefix) => prefix + "ring";

    /// <summary>Of one stream: meta, records, ids, values, order; see <c>journal_open.lua</c>.</summary>
    public static RedisArg[] Of(string prefix, string stream)
    {
        var name = $"{prefix}{{{stream}}}:";
        return [name + "meta", name + "records", name + "ids", name + "values", name + "order"];
    }

    /// <summary>Hash: the snapshot that belongs to a stream.</summary>
    public static string Snapshot(string prefix, string persistenceId) => $"{prefix}{{{persistenceId}}}:snapshot";
}
