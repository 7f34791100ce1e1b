using Relay.Redis.Resp;

namespace Relay.Redis;

/// <summary>What was asked for: one deployment of Redis and how patiently to treat it. Immutable; made by <see cref="RedisOptionsParser"/> or by hand.</summary>
public sealed record RedisOptions
{
    /// <summary>
    /// Servers in the order in which they are tried. The first that answers as a primary is used, until it fails. With <see cref="Sentinel"/> these are the Sentinels,
    /// and the primary is the one they name.
    /// </summary>
    public required IReadOnlyList<RedisEndpoint> Endpoints { get; init; }

    /// <summary>Name of the server among several independent ones (<c>Relay:Redis:Servers:{name}</c>); null for the main one.</summary>
    public string? Server { get; init; }

    /// <summary>TLS from the first byte (<c>rediss://</c>). Redis has no STARTTLS.</summary>
    public bool Tls { get; init; }

    /// <summary>PEM file with the certificates to trust instead of the system's. Read anew at every connect, so it may be rotated.</summary>
    public string? TlsCaFile { get; init; }

    /// <summary>Accepts any certificate. Only for tests and closed networks; the log says so at every connect.</summary>
    public bool TlsSkipVerify { get; init; }

    /// <summary>Name the certificate must carry when it is not the endpoint's host.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>ACL user; null means Redis' <c>default</c> user.</summary>
    public string? User { get; init; }

    /// <summary>Never logged, never part of a message.</summary>
    public string? Password { get; init; }

    public int Database { get; init; }

    /// <summary>Name of the primary as Sentinels know it (<c>sentinel monitor name …</c>); null without Sentinels.</summary>
    public string? Sentinel { get; init; }

    /// <summary>ACL user at the Sentinels; null means their <c>default</c> user.</summary>
    public string? SentinelUser { get; init; }

    /// <summary>The Sentinels have users of their own, so <see cref="Password"/> is never sent to them. Never logged, never part of a message.</summary>
    public string? SentinelPassword { get; init; }

    /// <summary>Shown by CLIENT LIST, with the connection's role behind it. No blanks (a rule of CLIENT SETNAME).</summary>
    public string ClientName { get; init; } = "relay";

    /// <summary>TCP, TLS, HELLO and SELECT together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From send to answer, for each command. Told at most one fifth late (see <see cref="WatchPeriod"/>).</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A connection on which nothing arrived for this long is asked for a sign of life.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>And is given up when it has been silent for this long after being asked.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>First pause before a reconnect. Doubles up to <see cref="BackoffMax"/>; each pause is drawn from its upper half.</summary>
    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a command issued while there is no connection waits for one. Zero: it fails at once.</summary>
    public TimeSpan WaitWhenDown { get; init; } = TimeSpan.Zero;

    /// <summary>Commands without an answer yet. One more fails with Overloaded.</summary>
    public int MaxPendingCommands { get; init; } = 65_536;

    /// <summary>Bytes of commands without an answer yet. A command that would exceed it fails with Overloaded.</summary>
    public int MaxPendingBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Longest wait for the loops of a connection to end when it is disposed.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public RespLimits ReplyLimits { get; init; } = RespLimits.Default;

    /// <summary>Setting with the endpoints, for messages.</summary>
    public string EndpointsKey => Section + ":Endpoints";

    /// <summary>Setting with the name of the primary, for messages.</summary>
    internal string SentinelKey => Section + ":Sentinel";

    private string Section => Server is null ? "Relay:Redis" : $"Relay:Redis:Servers:{Server}";

    /// <summary>These lead to a Sentinel itself.</summary>
    internal bool IsForSentinel { get; private init; }

    /// <summary>
    /// How often time-outs and keep-alive are looked at: a fifth of the shortest of them, at least 10 ms, at most 1 s.
    /// A timer per command would cost more than the command.
    /// </summary>
    internal TimeSpan WatchPeriod
    {
        get
        {
            var shortest = new[] { CommandTimeout, KeepAliveInterval, KeepAliveTimeout }.Min();
            return TimeSpan.FromMilliseconds(Math.Clamp(shortest.TotalMilliseconds / 5, 10, 1000));
        }
    }

    /// <summary>Everything that cannot work, each with the setting's name; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        Check(Endpoints.Count > 0, $"{EndpointsKey} names no server");
        Check(Database >= 0, $"Relay:Redis:Database is {Database}: it must not be negative");
        Check(!ClientName.AsSpan().ContainsAny(" \r\n"), "Relay:Redis:ClientName must not contain blanks or line ends");
        Check(User is null || Password is not null, "Relay:Redis:User is set without Relay:Redis:Password");
        Check(Sentinel is not null || (SentinelUser is null && SentinelPassword is null), "Relay:Redis:SentinelUser and SentinelPassword need Relay:Redis:Sentinel");
        Check(SentinelUser is null || SentinelPassword is not null, "Relay:Redis:SentinelUser is set without Relay:Redis:SentinelPassword");
        Check(!TlsSkipVerify || TlsCaFile is null, "Relay:Redis:TlsSkipVerify makes Relay:Redis:TlsCaFile useless: set one of them");
        Check(Tls || (TlsCaFile is null && !TlsSkipVerify), "Relay:Redis:TlsCaFile and TlsSkipVerify need rediss:// in Relay:Redis:Endpoints");
        Check(ConnectTimeout > TimeSpan.Zero && CommandTimeout > TimeSpan.Zero, "Relay:Redis:ConnectTimeout and CommandTimeout must be above zero");
        Check(KeepAliveInterval > TimeSpan.Zero && KeepAliveTimeout > TimeSpan.Zero, "Relay:Redis:KeepAliveInterval and KeepAliveTimeout must be above zero");
        Check(BackoffMin > TimeSpan.Zero && BackoffMax >= BackoffMin, $"Relay:Redis:BackoffMin ({BackoffMin}) must be above zero and not above BackoffMax ({BackoffMax})");
        Check(MaxPendingCommands > 0 && MaxPendingBytes > 0, "Relay:Redis:MaxPendingCommands and MaxPendingBytes must be above zero");
        return problems;

        void Check(bool holds, string problem)
        {
            if (!holds)
                problems.Add(problem);
        }
    }

    /// <summary>How to reach one of the Sentinels.</summary>
    /// <param name="sentinel">Which.</param>
    /// <param name="patience">Bounds a connect to it and the answer to a command.</param>
    internal RedisOptions ForSentinel(RedisEndpoint sentinel, TimeSpan patience) => new()
    {
        Endpoints = [sentinel],
        Server = Server,
        IsForSentinel = true,
        User = SentinelUser,
        Password = SentinelPassword,
        Tls = Tls,
        TlsCaFile = TlsCaFile,
        TlsServerName = TlsServerName,
        TlsSkipVerify = TlsSkipVerify,
        ClientName = ClientName,
        ConnectTimeout = patience < ConnectTimeout ? patience : ConnectTimeout,
        CommandTimeout = patience < CommandTimeout ? patience : CommandTimeout,
        KeepAliveInterval = KeepAliveInterval,
        KeepAliveTimeout = KeepAliveTimeout,
        BackoffMin = BackoffMin,
        BackoffMax = BackoffMax,
        CloseTimeout = CloseTimeout,
        ReplyLimits = ReplyLimits,
    };

    /// <summary>How to reach another server in the same manner: with the same rights, certificates and patience unless its address says otherwise.</summary>
    /// <param name="name">Among the servers.</param>
    /// <param name="address">Where it is, or where its Sentinels are.</param>
    /// <param name="sentinel">Name of the primary as Sentinels know it; null without.</param>
    public RedisOptions ForServer(string name, RedisAddress address, string? sentinel)
    {
        ArgumentNullException.ThrowIfNull(address);
        return this with
        {
            Endpoints = address.Endpoints,
            Server = name,
            Tls = address.Tls,
            User = address.Password is null ? User : address.User,
            Password = address.Password ?? Password,
            Database = address.Database,
            Sentinel = sentinel,
            SentinelUser = sentinel is null ? null : SentinelUser,
            SentinelPassword = sentinel is null ? null : SentinelPassword,
        };
    }

    /// <summary>The endpoints; never the password.</summary>
    public override string ToString() =>
        $"{(Tls ? "rediss" : "redis")}://{string.Join(',', Endpoints)}/{Database}{(Sentinel is null ? string.Empty : $" (Sentinel '{Sentinel}')")}";
}
