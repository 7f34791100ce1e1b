namespace Relay.Kernel.Persistence;

/// <summary>
/// One entry of a stream. Immutable; the payload belongs to the record from the moment it is handed over and must not change.
/// </summary>
public readonly record struct JournalRecord
{
    /// <summary>Place in the stream, from 1, without holes.</summary>
    public required long Offset { get; init; }

    /// <summary>When it was accepted, microseconds since 1970-01-01 UTC. What "by age" and "by time" mean.</summary>
    public required long TimeMicros { get; init; }

    /// <summary>Idempotency key of the publish; null = none. Kept beyond the payload's life when <see cref="PruneStream.KeepIds"/> says so.</summary>
    public string? Id { get; init; }

    /// <summary>Whose <see cref="Id"/> it is; empty for anonymous publishers.</summary>
    public string? Scope { get; init; }

    /// <summary>Conflation key: the last record of a key stands for the earlier ones. Null = none.</summary>
    public string? Key { get; init; }

    /// <summary>The writer's own 32 bits, given back unchanged.</summary>
    public uint Flags { get; init; }

    /// <summary>The writer's own bytes, given back unchanged.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }
}

/// <summary>An idempotency key that was accepted, for the window of known ids.</summary>
/// <param name="Scope">Whose id; empty for anonymous publishers.</param>
/// <param name="Id">The id.</param>
/// <param name="Offset">The place it got the first time.</param>
/// <param name="TimeMicros">When, microseconds since 1970-01-01 UTC.</param>
public readonly record struct KnownId(string Scope, string Id, long Offset, long TimeMicros);
