namespace Relay.Client;

/// <summary>How a <see cref="RelayClient"/> works.</summary>
public sealed record RelayClientOptions
{
    /// <summary>Address of the native dialect: <c>ws://host:port/relay</c> or <c>wss://…</c>.</summary>
    public Uri Url { get; set; } = new("ws://127.0.0.1:8080/relay");

    /// <summary>A token or key that never changes. One that the relay refuses ends the client.</summary>
    public string? Token { get; set; }

    /// <summary>Brings a token: asked at each connection, and a minute before it expires. In place of <see cref="Token"/>.</summary>
    public Func<CancellationToken, ValueTask<string?>>? TokenProvider { get; set; }

    /// <summary>Publishes and questions that may wait for an answer or for the connection; further ones are refused (<c>QUEUE_FULL</c>).</summary>
    public int MostPending { get; set; } = 1000;

    /// <summary>Events each subscription keeps for who reads it; what comes beyond is asked for again when there is room.</summary>
    public int MostQueued { get; set; } = 10_000;

    /// <summary>For connecting and the handshake.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For the answer to a publish or question, reconnects included.</summary>
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Pauses between tries are drawn at random up to this, then up to twice as much each time.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest of these pauses.</summary>
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>A connection on which a ping is not answered for so long is dead.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>For tests.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>For certificates of one's own, proxies and headers.</summary>
    public Action<System.Net.WebSockets.ClientWebSocketOptions>? ConfigureSocket { get; set; }
}

/// <summary>What a subscription begins with, and what it brings.</summary>
public sealed record SubscribeOptions
{
    /// <summary>The newest so many events first.</summary>
    public int? Last { get; init; }

    /// <summary>What follows this place first.</summary>
    public RelayPlace? Since { get; init; }

    /// <summary>What was accepted from this time on first.</summary>
    public DateTimeOffset? SinceTime { get; init; }

    /// <summary>The newest event of each key first.</summary>
    public bool LastPerKey { get; init; }

    /// <summary>Only these, such as <c>task.*</c>; null = all.</summary>
    public IReadOnlyList<string>? Events { get; init; }

    /// <summary>Whether the client counts as present on the channel.</summary>
    public bool Presence { get; init; }

    internal bool WantsHistory => Last is not null || SinceTime is not null || LastPerKey;
}

/// <summary>What a publish may carry besides.</summary>
public sealed record PublishOptions
{
    /// <summary>Accepted once under this id; drawn when null.</summary>
    public string? Id { get; init; }

    /// <summary>Of the value that this event is the newest of.</summary>
    public string? Key { get; init; }

    /// <summary>How long it is worth anything.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Accepted only if the newest event of <see cref="Key"/> stands here.</summary>
    public RelayPlace? IfVersion { get; init; }

    /// <summary>Accepted only if <see cref="Key"/> has no value.</summary>
    public bool IfNew { get; init; }

    /// <summary>W3C Trace Context.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Which stored events are asked for.</summary>
public sealed record HistoryOptions
{
    /// <summary>At most so many.</summary>
    public int? Limit { get; init; }

    /// <summary>What follows this place.</summary>
    public RelayPlace? Since { get; init; }

    /// <summary>The last offset wanted, beside <see cref="Since"/>.</summary>
    public long? Until { get; init; }

    /// <summary>What was accepted from this time on.</summary>
    public DateTimeOffset? SinceTime { get; init; }

    /// <summary>The newest event of this key.</summary>
    public string? Key { get; init; }

    /// <summary>The newest event of each key.</summary>
    public bool LastPerKey { get; init; }
}
