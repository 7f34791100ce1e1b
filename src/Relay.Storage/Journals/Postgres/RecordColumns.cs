using Npgsql;
using NpgsqlTypes;
using Relay.Kernel.Persistence;

namespace Relay.Storage.Journals.Postgres;

/// <summary>
/// Records as the columns that one INSERT takes apart with unnest. Not COPY: that is a mode of the connection with round trips of its own, while a statement shares
/// one with what comes before and after, and can be part of a larger statement.
/// </summary>
internal sealed class RecordColumns
{
    private readonly List<long> _streams = [];
    private readonly List<long> _offsets = [];
    private readonly List<long> _times = [];
    private readonly List<bool> _hasId = [];
    private readonly List<string?> _keys = [];
    private readonly List<byte[]> _bodies = [];

    public int Count => _streams.Count;

    public void Add(long stream, PendingWrite pending, AppendBatch batch)
    {
        foreach (ref readonly var record in batch.Records.AsSpan())
        {
            _streams.Add(stream);
            _offsets.Add(record.Offset);
            _times.Add(record.TimeMicros);
            _hasId.Add(record.Id is not null);
            _keys.Add(record.Key);
            _bodies.Add(RecordFormat.ToArray(pending.StreamUtf8, record));
        }
    }

    /// <summary>Six arrays: stream, position, time, has_id, key, body. Empty afterwards.</summary>
    public void MoveTo(NpgsqlParameterCollection parameters)
    {
        parameters.Add(PostgresTransaction.Of(_streams.ToArray()));
        parameters.Add(PostgresTransaction.Of(_offsets.ToArray()));
        parameters.Add(PostgresTransaction.Of(_times.ToArray()));
        parameters.Add(PostgresTransaction.Of(_hasId.ToArray()));
        parameters.Add(new NpgsqlParameter { Value = _keys.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(PostgresTransaction.Of(_bodies.ToArray()));
        _streams.Clear();
        _offsets.Clear();
        _times.Clear();
        _hasId.Clear();
        _keys.Clear();
        _bodies.Clear();
    }
}
