namespace Relay.Protocol;

/// <summary>
/// The checks of native requests for stored events: <c>history</c>, and the ways in which a <c>subscribe</c> may begin. One for JSON and protobuf.
/// </summary>
internal static class NativeReplay
{
    /// <summary>Events of one page when nothing is said.</summary>
    public const int UsualLimit = 100;

    /// <summary>Most keys a channel may be told to keep, so most last values of one answer.</summary>
    public const int MaxKeys = 10_000;

    /// <summary>The last millisecond that microseconds can tell.</summary>
    private const long MaxTime = long.MaxValue / 1000;

    public static long? Micros(long? milliseconds) => milliseconds * 1000;

    /// <summary>What is wrong with the beginning that a subscriber wants; null when nothing is.</summary>
    public static string? Problem(StreamPosition? since, long last, bool lastPerKey, long? sinceTime)
    {
        if (TimeProblem(sinceTime) is { } problem)
        {
            return problem;
        }

        if (sinceTime is not null && (since is not null || last > 0 || lastPerKey))
        {
            return "since_time cannot be combined with since, last or last_per_key";
        }

        return lastPerKey && last > 0 ? "last_per_key cannot be combined with last" : null;
    }

    public static ClientCommand History(RequestId id, ReadOnlySpan<byte> channel, in HistoryWish wish)
    {
        if (!id.IsPresent)
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidMessage, "history needs an id");
        }

        if (!NativeRequests.TryKey(wish.Key, out var key))
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidMessage, "Invalid key: expected at most 256 bytes of text");
        }

        var keyed = wish.LastPerKey || key is not null;
        var limit = wish.Limit ?? (keyed ? MaxKeys : UsualLimit);
        if (limit is < 1 or > int.MaxValue)
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidMessage, "Invalid limit: expected a number of events, 1 or more");
        }

        if (Problem(wish, keyed) is { } problem)
        {
            return NativeRequests.Reject(id, ErrorCode.InvalidMessage, problem);
        }

        return ChannelName.TryParse(channel, out var name)
            ? new HistoryCommand
            {
                RequestId = id, Channel = name, Since = wish.Since, Until = wish.Until, FromMicros = Micros(wish.SinceTime), LastPerKey = keyed, Key = key,
                Limit = (int)limit,
            }
            : NativeRequests.InvalidChannel(id, channel);
    }

    private static string? Problem(in HistoryWish wish, bool keyed)
    {
        if (TimeProblem(wish.SinceTime) is { } problem)
        {
            return problem;
        }

        if (wish.SinceTime is not null && (wish.Since is not null || wish.Until is not null || keyed))
        {
            return "since_time cannot be combined with since, until, last_per_key or key";
        }

        if (wish.Until is null)
        {
            return null;
        }

        if (wish.Since is not { } since || keyed)
        {
            return keyed ? "until cannot be combined with last_per_key or key" : "until needs since: the range is what follows since, up to until";
        }

        return wish.Until < since.Offset ? "Invalid until: expected an offset, not before that of since" : null;
    }

    private static string? TimeProblem(long? sinceTime) =>
        sinceTime is < 0 or > MaxTime ? "Invalid since_time: expected milliseconds since 1970, 0 or more" : null;
}

/// <summary>What a <c>history</c> request asks for, not checked.</summary>
internal readonly ref struct HistoryWish
{
    public StreamPosition? Since { get; init; }

    public long? Until { get; init; }

    /// <summary>Milliseconds since 1970-01-01 UTC.</summary>
    public long? SinceTime { get; init; }

    public bool LastPerKey { get; init; }

    public ReadOnlySpan<byte> Key { get; init; }

    public long? Limit { get; init; }
}
