using System.Net;

namespace Relay.Bench.Options;

/// <summary>Which clients the generator plays (protocols.md).</summary>
internal enum BenchDialect
{
    /// <summary>Native: subprotocol <c>relay.v1</c>; publishes over WebSocket; positions are checked.</summary>
    Relay,

    /// <summary>The context manager's clients: subprotocol <c>relay.context</c>; publishes over WebSocket.</summary>
    Context,

    /// <summary>Listeners of <c>/ws?userId=</c>; workers publish to Redis or with <c>POST /publish</c>.</summary>
    Updates,
}

/// <summary>How publishes reach the server.</summary>
internal enum PublishRoute
{
    WebSocket,
    Redis,
    Http,
}

/// <summary>What was asked. Immutable; every property is one option of the command line and has its default.</summary>
internal sealed record BenchOptions
{
    public Uri Url { get; init; } = new("http://127.0.0.1:8080");

    /// <summary>Where publishers connect; null = to <see cref="Url"/>.</summary>
    public Uri? PublishTo { get; init; }

    public BenchDialect Dialect { get; init; }

    public PublishRoute Route { get; init; }

    /// <summary>Subscriber connections; number i listens to channel <c>i mod Channels</c>.</summary>
    public int Subscribers { get; init; } = 100;

    public int Channels { get; init; } = 1;

    /// <summary>Publisher connections; publish n goes to channel <c>n mod Channels</c> over publisher <c>(n / Channels) mod Publishers</c>.</summary>
    public int Publishers { get; init; } = 1;

    /// <summary>Publishes per second of the open loop; null = closed loop.</summary>
    public double? Rate { get; init; }

    /// <summary>Publishes of the closed loop that have not reached every subscriber.</summary>
    public int Window { get; init; } = 64;

    /// <summary>Exact size of the payload (the JSON value of <c>data</c> or <c>payload</c>) in bytes.</summary>
    public int PayloadBytes { get; init; } = 128;

    /// <summary>Name of the events published; null = the dialect's default.</summary>
    public string? Event { get; init; }

    /// <summary>Begin of the channels' names; null = <c>topics/bench-{run}-</c>.</summary>
    public string? ChannelPrefix { get; init; }

    public double Seconds { get; init; } = 8;

    public double WarmUpSeconds { get; init; } = 1;

    public double SettleSeconds { get; init; } = 0.5;

    public double DrainSeconds { get; init; } = 3;

    /// <summary>Connections opened per second; 0 = as fast as <see cref="ConnectConcurrency"/> lets.</summary>
    public double ConnectRate { get; init; }

    public int ConnectConcurrency { get; init; } = 256;

    public double ConnectTimeoutSeconds { get; init; } = 30;

    /// <summary>No load: open the subscribers, wait, and report what they cost.</summary>
    public bool Idle { get; init; }

    /// <summary>No load: drop all subscribers, publish while they are away, and let them come back.</summary>
    public bool Resume { get; init; }

    /// <summary>Events that each channel gets while its subscribers are away.</summary>
    public int Missed { get; init; } = 100;

    /// <summary>Restarts the server before the subscribers come back; null = it goes on.</summary>
    public string? RestartCommand { get; init; }

    public DnsEndPoint Redis { get; init; } = new("127.0.0.1", 6379);

    public string RedisChannel { get; init; } = "updates";

    /// <summary>Unanswered HTTP requests per publisher connection.</summary>
    public int HttpPipeline { get; init; } = 1;

    public string? Token { get; init; }

    public IReadOnlyList<int> ServerPids { get; init; } = [];

    /// <summary>Threads that poll sockets.</summary>
    public int Threads { get; init; } = 1;

    public string Label { get; init; } = "";

    /// <summary>The table gives way to the JSON report on standard output.</summary>
    public bool Json { get; init; }

    /// <summary>File that gets the JSON report besides.</summary>
    public string? Output { get; init; }

    /// <summary>Smallest payload: the mark and the members around it.</summary>
    public static int MinPayloadBytes => Wire.PublishComposer.MinPayloadBytes;
}
