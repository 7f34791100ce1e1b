using Relay.Redis.Connections;

namespace Relay.Redis.Sentinels;

/// <summary>
/// What the Sentinels of a deployment say about its primary: one of them is asked at every connect, all are listened to meanwhile. Shared by all connections of
/// a client and of those made from it; it listens while at least one of them is started.
/// </summary>
/// <remarks>As redis.io/docs/reference/sentinel-clients wants it: the first that answers is believed, and what it named has to say itself that it is a primary.</remarks>
internal sealed class SentinelDirectory
{
    public const string Role = "sentinel";

    // One that hangs must not take the time in which the next could answer.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly RedisServices _services;
    private readonly RedisOptions[] _sentinels;
    private readonly Lock _gate = new();
    private readonly HashSet<SentinelGuide> _guides = [];
    private SentinelWatch[] _watches = [];
    private int _first;

    public SentinelDirectory(RedisOptions options, RedisServices services)
    {
        Name = options.Sentinel ?? throw new ArgumentException("There is no Relay:Redis:Sentinel.", nameof(options));
        _services = services;
        _sentinels = [.. options.Endpoints.Select(endpoint => options.ForSentinel(endpoint, Patience))];
    }

    /// <summary>Of the primary.</summary>
    public string Name { get; }

    /// <summary>From now on this one is told where the primary has moved to.</summary>
    public void Join(SentinelGuide guide)
    {
        lock (_gate)
        {
            if (_guides.Add(guide) && _guides.Count == 1)
                _watches = [.. _sentinels.Select((options, index) => new SentinelWatch(this, index, options, _services))];
        }
    }

    public async ValueTask LeaveAsync(SentinelGuide guide)
    {
        SentinelWatch[] over = [];
        lock (_gate)
        {
            if (_guides.Remove(guide) && _guides.Count == 0)
                (over, _watches) = (_watches, over);
        }

        foreach (var watch in over)
            await watch.DisposeAsync();
    }

    /// <summary>Asks one Sentinel after the other until one answers; the last that was right comes first.</summary>
    /// <exception cref="RedisException">None did; says of each why.</exception>
    public async Task<SentinelAnswer> FindAsync(CancellationToken cancellationToken)
    {
        var failures = new List<RedisException>();
        var first = Volatile.Read(ref _first);
        for (var i = 0; i < _sentinels.Length; i++)
        {
            var index = (first + i) % _sentinels.Length;
            try
            {
                var primary = await AskAsync(_sentinels[index], cancellationToken);
                Volatile.Write(ref _first, index);
                return new SentinelAnswer(primary, index);
            }
            catch (RedisException error)
            {
                failures.Add(error);
            }
        }

        throw Nobody(failures);
    }

    /// <summary>What this Sentinel said was of no use: another may know better, so the next is asked first.</summary>
    public void Distrust(int sentinel) => Interlocked.CompareExchange(ref _first, (sentinel + 1) % _sentinels.Length, sentinel);

    public RedisEndpoint At(int sentinel) => _sentinels[sentinel].Endpoints[0];

    /// <summary>A Sentinel tells that the primary is another one now.</summary>
    public void Announce(RedisEndpoint primary, int sentinel)
    {
        Volatile.Write(ref _first, sentinel);
        foreach (var guide in Guides())
            guide.Announce(new SentinelAnswer(primary, sentinel));
    }

    /// <summary>A server has said on one connection that it is a replica: nobody should keep another one to it.</summary>
    public void Demote(RedisEndpoint former)
    {
        foreach (var guide in Guides())
            guide.Demote(former);
    }

    private SentinelGuide[] Guides()
    {
        lock (_gate)
            return [.. _guides];
    }

    private async Task<RedisEndpoint> AskAsync(RedisOptions sentinel, CancellationToken cancellationToken)
    {
        await using var connection = await RedisHandshake.OpenAsync(sentinel.Endpoints[0], sentinel, _services, Role, sink: null, cancellationToken);
        var reply = await connection.SendAsync(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Name], Patience);
        if (reply.IsNull)
            throw new RedisException(RedisErrorKind.Unavailable, $"the Sentinel at {sentinel.Endpoints[0]} knows no '{Name}'{await OthersAsync(connection)}: check Relay:Redis:Sentinel");
        return reply.Items.Length == 2
            ? new RedisEndpoint(reply.Items[0].AsString()!, (int)reply.Items[1].AsInteger())
            : throw RedisException.Protocol($"SENTINEL GET-MASTER-ADDR-BY-NAME was answered by {reply}");
    }

    /// <summary>What it does know, to help with a typing error.</summary>
    private static async Task<string> OthersAsync(RedisConnection connection)
    {
        try
        {
            var known = await connection.SendAsync(["SENTINEL", "MASTERS"], Patience);
            var names = new List<string>();
            foreach (ref readonly var primary in known.Items)
                names.Add($"'{primary.Field("name"u8).AsString()}'");
            return names.Count == 0 ? " and nothing else" : $", only {string.Join(", ", names)}";
        }
        catch (RedisException)
        {
            // It may be forbidden; the answer that matters is there.
            return string.Empty;
        }
    }

    private RedisException Nobody(List<RedisException> failures)
    {
        var first = failures[0];
        var isOne = failures.TrueForAll(failure => failure.Kind == first.Kind && failure.Code == first.Code);
        return new RedisException(
            isOne ? first.Kind : RedisErrorKind.Unavailable,
            $"no Sentinel says where '{Name}' is: {string.Join("; ", failures.Select(static failure => failure.Message))}",
            first,
            isOne ? first.Code : null);
    }
}

/// <param name="Primary">Where the primary is.</param>
/// <param name="Sentinel">Who says so: index of the endpoint.</param>
internal readonly record struct SentinelAnswer(RedisEndpoint Primary, int Sentinel);
