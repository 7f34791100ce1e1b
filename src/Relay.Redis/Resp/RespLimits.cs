namespace Relay.Redis.Resp;

/// <summary>What a reader accepts. Whatever is beyond is a protocol error, told before memory is taken for it.</summary>
public sealed record RespLimits
{
    public static RespLimits Default { get; } = new();

    /// <summary>Largest whole reply in bytes. Redis itself allows bulk strings up to 512 MB (proto-max-bulk-len); a relay has no use for those.</summary>
    public int MaxFrameBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Longest line (simple string, error, number) in bytes. Redis cuts its own error texts far below.</summary>
    public int MaxLineBytes { get; init; } = 64 * 1024;

    /// <summary>Deepest nesting of aggregates. The deepest reply of Redis 7 (COMMAND DOCS) stays under 12.</summary>
    public int MaxDepth { get; init; } = 32;
}
