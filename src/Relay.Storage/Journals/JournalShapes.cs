using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>Small conversions that every store needs.</summary>
internal static class JournalShapes
{
    /// <summary>Known ids, oldest first, of records that come newest first.</summary>
    public static KnownId[] Ids(JournalRecord[] newestFirst)
    {
        var ids = new KnownId[newestFirst.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            ref readonly var record = ref newestFirst[^(i + 1)];
            ids[i] = new KnownId(record.Scope ?? "", record.Id!, record.Offset, record.TimeMicros);
        }

        return ids;
    }
}
