using Relay.Redis;
using Relay.Redis.Servers;

namespace Relay.Node.Configuration;

/// <summary>The Redis a node talks to, and what comes in from it.</summary>
public sealed record RedisSection
{
    /// <summary>How to connect; null without Redis.</summary>
    public RedisOptions? Connection { get; init; }

    /// <summary>The server of <see cref="Connection"/>, then those over which load is spread besides; empty without Redis.</summary>
    public IReadOnlyList<RedisServerOptions> Servers { get; init; } = [];

    /// <summary>Replicas that must have a durable event before it counts as stored; null = as <see cref="WaitReplicasOf"/> says.</summary>
    public int? WaitReplicas { get; init; }

    /// <summary>How long they are waited for.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Pub/Sub channels with worker updates; a name with <c>*</c>, <c>?</c> or <c>[</c> is a pattern (PSUBSCRIBE).</summary>
    public IReadOnlyList<string> UpdateChannels { get; init; } = ["updates"];

    /// <summary>Streams with worker updates.</summary>
    public IReadOnlyList<string> UpdateStreams { get; init; } = [];

    /// <summary>Consumer group of those streams.</summary>
    public string UpdateGroup { get; init; } = "relay";

    /// <summary>Key of the stream with entries that cannot be delivered; <c>{stream}</c> stands for their stream.</summary>
    public string DeadLetters { get; init; } = "{stream}:dead";

    /// <summary>About so many of them are kept.</summary>
    public int DeadLettersKept { get; init; } = 10_000;

    /// <summary>Failed tries that make an entry one of them.</summary>
    public int MaxTries { get; init; } = 5;

    internal static RedisSection Read(SettingReader reader)
    {
        var usual = new RedisSection();
        var connection = ReadConnection(reader);
        var servers = RedisServersSection.Read(reader, connection);
        var waitReplicas = reader.Read("Redis:WaitReplicas", Kinds.Count(0, 64), 0, "Replicas that must have an event of a namespace with Durability=redis before it is accepted (WAIT); unless set, 1 on servers with a Sentinel.");
        var section = new RedisSection
        {
            Connection = connection,
            Servers = servers,
            WaitReplicas = reader.IsSet("Redis:WaitReplicas") ? waitReplicas : null,
            WaitTimeout = reader.Read("Redis:WaitTimeout", Kinds.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)), usual.WaitTimeout, "How long they are waited for; then the event is refused, to be tried again."),
            UpdateChannels = reader.Read("Redis:Updates:Channels", Kinds.Texts, usual.UpdateChannels, "Pub/Sub channels with worker updates; patterns allowed."),
            UpdateStreams = reader.Read("Redis:Updates:Streams", Kinds.Texts, usual.UpdateStreams, "Streams with worker updates, for workers that must not lose any."),
            UpdateGroup = reader.Read("Redis:Updates:Group", Required("relay"), usual.UpdateGroup, "Consumer group of the streams; the same on every node."),
            DeadLetters = reader.Read("Redis:Updates:DeadLetters", Required("{stream}:dead"), usual.DeadLetters, "Stream that takes entries which cannot be delivered; {stream} stands for the key of theirs."),
            DeadLettersKept = reader.Read("Redis:Updates:DeadLettersKept", Kinds.Count(1, 100_000_000), usual.DeadLettersKept, "About so many of them are kept (MAXLEN ~)."),
            MaxTries = reader.Read("Redis:Updates:MaxTries", Kinds.Count(1, 1000), usual.MaxTries, "Failed tries that make an entry a dead letter; what is no envelope needs one."),
        };
        if (section.UpdateStreams.FirstOrDefault(stream => section.UpdateStreams.Contains(section.DeadLettersOf(stream), StringComparer.Ordinal)) is { } own)
        {
            reader.Problem("Redis:Updates:DeadLetters", section.DeadLetters, $"is the stream '{section.DeadLettersOf(own)}', which is read itself", usual.DeadLetters);
        }

        if (connection is null && section.UpdateStreams.Count > 0)
        {
            reader.Problem("Redis:Updates:Streams", string.Join(',', section.UpdateStreams), "needs Redis:Endpoints, which is empty", "");
        }

        return section;
    }

    /// <summary>As it is set, else one where a Sentinel may make another server the primary.</summary>
    public int WaitReplicasOf(RedisOptions server) => WaitReplicas ?? (server.Sentinel is null ? 0 : 1);

    private string DeadLettersOf(string stream) => DeadLetters.Replace("{stream}", stream, StringComparison.Ordinal);

    private static RedisOptions? ReadConnection(SettingReader reader)
    {
        var address = reader.Read(
            "Redis:Endpoints",
            Address,
            null,
            "Redis servers, host:port[,host:port…], or Sentinels when Redis:Sentinel is set; rediss://… for TLS; empty = no Redis.");
        var user = reader.Read("Redis:User", Kinds.Text, "", "ACL user; empty = Redis' default user.");
        var password = reader.Read("Redis:Password", Kinds.Secret, Secret.None, "Password of the user.");
        var database = reader.Read("Redis:Database", Kinds.Count(0, 9999), 0, "Database number.");
        var authority = reader.Read("Redis:TlsCaFile", Kinds.Text.Called("path", "certs/redis-ca.pem"), "", "PEM file of the authorities to trust instead of the system's.");
        var serverName = reader.Read("Redis:TlsServerName", Kinds.Text, "", "Name the certificate must carry when it is not the endpoint's host.");
        var skipVerify = reader.Read("Redis:TlsSkipVerify", Kinds.Flag, false, "Accept any certificate; for tests and closed networks only.");
        var connectTimeout = reader.Read("Redis:ConnectTimeout", Patience, TimeSpan.FromSeconds(5), "For TCP, TLS and the greeting together.");
        var commandTimeout = reader.Read("Redis:CommandTimeout", Patience, TimeSpan.FromSeconds(5), "For the answer to one command.");
        var sentinel = reader.Read("Redis:Sentinel", Kinds.Text.Called("text", "mymaster"), "", "Name of the primary as the Sentinels at Redis:Endpoints know it; empty = the endpoints are the servers themselves.");
        var sentinelUser = reader.Read("Redis:SentinelUser", Kinds.Text, "", "ACL user at the Sentinels; empty = their default user.");
        var sentinelPassword = reader.Read("Redis:SentinelPassword", Kinds.Secret, Secret.None, "Password of that user; Redis:Password is not sent to Sentinels.");
        if (address is null)
        {
            if (sentinel.Length > 0)
            {
                reader.Problem("Redis:Endpoints", null, "Redis:Sentinel is set, and no Sentinel is named", "127.0.0.1:26379");
            }

            return null;
        }

        var options = new RedisOptions
        {
            Endpoints = address.Endpoints,
            Tls = address.Tls,
            TlsCaFile = authority.Length > 0 ? authority : null,
            TlsServerName = serverName.Length > 0 ? serverName : null,
            TlsSkipVerify = skipVerify,
            User = user.Length > 0 ? user : address.User,
            Password = password.IsEmpty ? address.Password : password.Reveal(),
            Database = reader.IsSet("Redis:Database") ? database : address.Database,
            Sentinel = sentinel.Length > 0 ? sentinel : null,
            SentinelUser = sentinelUser.Length > 0 ? sentinelUser : null,
            SentinelPassword = sentinelPassword.IsEmpty ? null : sentinelPassword.Reveal(),
            ConnectTimeout = connectTimeout,
            CommandTimeout = commandTimeout,
        };
        CheckConnection(options, reader);
        return options;
    }

    private static void CheckConnection(RedisOptions options, SettingReader reader)
    {
        if (options.User is not null && options.Password is null)
        {
            reader.Problem("Redis:Password", null, "Redis:User is set without a password", "…");
        }

        if (options.SentinelUser is not null && options.SentinelPassword is null)
        {
            reader.Problem("Redis:SentinelPassword", null, "Redis:SentinelUser is set without a password", "…");
        }

        if (options.Sentinel is null && options.SentinelPassword is not null)
        {
            reader.Problem("Redis:Sentinel", null, "Redis:SentinelPassword is set, and no primary is named", "mymaster");
        }

        if (!options.Tls && (options.TlsCaFile is not null || options.TlsServerName is not null || options.TlsSkipVerify))
        {
            reader.Problem("Redis:Endpoints", options.ToString(), "a Redis:Tls… key is set, so it must begin with rediss://", $"rediss://{string.Join(',', options.Endpoints)}");
        }

        if (options.TlsSkipVerify && options.TlsCaFile is not null)
        {
            reader.Problem("Redis:TlsSkipVerify", "true", "makes Redis:TlsCaFile useless: set one of them", "false");
        }
    }

    internal static ValueKind<RedisAddress?> Address { get; } = new("host:port list", "127.0.0.1:6379", ParseAddress, _ => "") { Show = Kinds.HideUserInfo };

    private static ValueKind<TimeSpan> Patience => Kinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5));

    private static ValueKind<string> Required(string example) =>
        Kinds.Text.Called("text", example).Unless(text => text.Length > 0 ? null : "must not be empty");

    private static string? ParseAddress(string text, out RedisAddress? value)
    {
        value = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        try
        {
            value = RedisOptionsParser.Parse(text);
            return null;
        }
        catch (FormatException wrong)
        {
            // A text with credentials may have them anywhere once it is malformed; the parser quotes parts of it.
            const string Prefix = "Relay:Redis:Endpoints: ";
            return text.Contains('@', StringComparison.Ordinal)
                ? "not [user:password@]host:port[,host:port…][/database]"
                : wrong.Message.Replace(Prefix, "", StringComparison.Ordinal);
        }
    }
}
