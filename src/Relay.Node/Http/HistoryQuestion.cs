using System.Text;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// What <c>GET /api/v1/history</c> asks for: <c>limit</c>, and one of <c>since=epoch:offset</c> (with <c>until=offset</c>), <c>since_time=milliseconds</c>,
/// <c>last_per_key=true</c> or <c>key=…</c> (these two also with <c>since</c>). The oldest events come first, so that whoever asks goes on behind the last.
/// </summary>
internal static class HistoryQuestion
{
    private const int UsualLimit = 100;
    private const int MaxLimit = 1000;

    /// <summary>As many as a channel may be told to keep (<c>Namespaces:{ns}:KeyedValues</c>).</summary>
    private const int MaxKeys = 10_000;

    private const int MaxKeyBytes = 256;

    /// <summary>The query; null with <paramref name="problem"/> when the request cannot be read.</summary>
    public static HistoryQuery? Read(IQueryCollection query, out string problem)
    {
        var key = Text(query, "key");
        if (key is not null && Encoding.UTF8.GetByteCount(key) > MaxKeyBytes)
        {
            problem = $"key must be a string of 1 to {MaxKeyBytes} bytes";
            return null;
        }

        if (Text(query, "last_per_key") is not (null or "true" or "false"))
        {
            problem = "last_per_key must be true or false";
            return null;
        }

        var keyed = key is not null || Text(query, "last_per_key") == "true";
        var (usual, most) = keyed ? (MaxKeys, MaxKeys) : (UsualLimit, MaxLimit);
        if (!TryNumber(query, "limit", 1, most, out var limit))
        {
            problem = $"limit must be 1 to {most}";
            return null;
        }

        if (!TrySince(Text(query, "since"), out var since))
        {
            problem = "since must be epoch:offset";
            return null;
        }

        if (!TryNumber(query, "since_time", 0, long.MaxValue / 1000, out var sinceTime))
        {
            problem = "since_time must be milliseconds since 1970";
            return null;
        }

        if (!TryNumber(query, "until", since?.Offset ?? 0, long.MaxValue, out var until) || (until is not null && (since is null || keyed)))
        {
            problem = "until must be an offset, not before that of since, and is for since alone";
            return null;
        }

        if (sinceTime is not null && (since is not null || keyed))
        {
            problem = "since_time cannot be combined with since, last_per_key or key";
            return null;
        }

        problem = "";
        return new HistoryQuery
        {
            After = since,
            Until = until,
            FromMicros = sinceTime * 1000,
            LastPerKey = keyed,
            Key = key,
            Limit = (int)(limit ?? usual),
            IsPage = true,
        };
    }

    /// <summary>Whether an answer to <paramref name="query"/> says <c>recovered</c>.</summary>
    public static bool SaysRecovered(HistoryQuery query) => query.After is not null || query.FromMicros is not null;

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static bool TryNumber(IQueryCollection query, string name, long least, long most, out long? number)
    {
        number = null;
        if (Text(query, name) is not { } text)
        {
            return true;
        }

        number = long.TryParse(text, out var read) && read >= least && read <= most ? read : null;
        return number is not null;
    }

    private static bool TrySince(string? text, out StreamPosition? since)
    {
        since = null;
        if (text is null)
        {
            return true;
        }

        if (!StreamPosition.TryParse(Encoding.UTF8.GetBytes(text), out var position))
        {
            return false;
        }

        since = position;
        return true;
    }
}
