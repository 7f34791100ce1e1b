using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals;

/// <summary>What no journal takes, whatever its state: a fault of the caller, thrown at once.</summary>
internal sealed class WriteCheck(JournalLimits limits)
{
    private const int MaxNameBytes = 1024;
    private const int MaxTextBytes = ushort.MaxValue;

    /// <summary>Checks a write and measures it.</summary>
    /// <exception cref="ArgumentException">No journal could take it.</exception>
    public (int Records, long Bytes) Of(object operation)
    {
        CheckName(operation is JournalWrite write ? write.Stream : ((SnapshotWrite)operation).PersistenceId);
        switch (operation)
        {
            case AppendBatch batch:
                return (batch.Records.Length, CheckRecords(batch));
            case OpenStream { EpochIfNew: 0 } or RenewStream { Epoch: 0 }:
                throw new ArgumentException("an epoch is not 0", nameof(operation));
            case SnapshotWrite.Save save:
                CheckSize(save.Snapshot.Payload.Length);
                return (1, save.Snapshot.Payload.Length);
            default:
                return (1, 0);
        }
    }

    private static void CheckName(string name)
    {
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
        {
            throw new ArgumentException($"a stream's name has 1 to {MaxNameBytes} bytes of UTF-8 and no NUL: '{name}'", nameof(name));
        }
    }

    private long CheckRecords(AppendBatch batch)
    {
        if (batch.Records.Length == 0 || batch.FirstOffset < 1)
        {
            throw new ArgumentException("an append has at least one record, and offsets begin with 1", nameof(batch));
        }

        long bytes = 0;
        for (var i = 0; i < batch.Records.Length; i++)
        {
            ref readonly var record = ref batch.Records[i];
            if (record.Offset != batch.FirstOffset + i)
            {
                throw new ArgumentException($"record {i} has offset {record.Offset} where {batch.FirstOffset + i} comes next", nameof(batch));
            }

            CheckText(record.Scope);
            CheckText(record.Id);
            CheckText(record.Key);
            var size = RecordFormat.Measure(record);
            CheckSize(size);
            bytes += size;
        }

        return bytes;
    }

    private static void CheckText(string? text)
    {
        if (text is { Length: > MaxTextBytes / 3 } && Encoding.UTF8.GetByteCount(text) > MaxTextBytes)
        {
            throw new ArgumentException($"scope, id and key have at most {MaxTextBytes} bytes each", nameof(text));
        }
    }

    private void CheckSize(int bytes)
    {
        if (bytes > limits.RecordBytes)
        {
            throw new ArgumentException($"a record has at most {limits.RecordBytes} bytes, not {bytes}", nameof(bytes));
        }
    }
}
