using System.Globalization;

namespace Relay.Testing;

/// <summary>How a <see cref="SentinelSetup"/> is made.</summary>
public sealed record SentinelSetupSettings
{
    public int Replicas { get; init; } = 2;

    public int Sentinels { get; init; } = 3;

    /// <summary>Of servers and replicas.</summary>
    public string? Password { get; init; }

    /// <summary>Of the Sentinels.</summary>
    public string? SentinelPassword { get; init; }

    /// <summary>Servers keep an append-only file.</summary>
    public bool Durable { get; init; }

    /// <summary>More directives of all servers, as on the command line.</summary>
    public IReadOnlyList<string> Extra { get; init; } = [];

    /// <summary>Replicas and Sentinels reach the first primary through a proxy that can be cut; see <see cref="SentinelSetup.Cut"/>.</summary>
    public bool Divisible { get; init; }
}

/// <summary>A primary, its replicas and the Sentinels that watch over them: real processes on 127.0.0.1, ready for a failover.</summary>
public sealed class SentinelSetup : IAsyncDisposable
{
    public const string Name = "mymaster";

    private readonly SentinelSetupSettings _settings;
    private readonly List<RedisServerProcess> _servers = [];
    private readonly List<RedisSentinelProcess> _sentinels = [];

    private SentinelSetup(SentinelSetupSettings settings) => _settings = settings;

    /// <summary>The first of them was the primary at the beginning.</summary>
    public IReadOnlyList<RedisServerProcess> Servers => _servers;

    public IReadOnlyList<RedisSentinelProcess> Sentinels => _sentinels;

    /// <summary>As <c>Relay:Redis:Endpoints</c> takes them.</summary>
    public string Endpoints => string.Join(',', _sentinels.Select(static sentinel => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{sentinel.Port}")));

    /// <summary>What lies between the first primary and the replicas and Sentinels; null unless the setup is divisible.</summary>
    public NetworkProxy? Cut { get; private set; }

    public static async Task<SentinelSetup> StartAsync(SentinelSetupSettings? settings = null)
    {
        var setup = new SentinelSetup(settings ?? new SentinelSetupSettings());
        try
        {
            await setup.StartAllAsync();
            return setup;
        }
        catch
        {
            await setup.DisposeAsync();
            throw;
        }
    }

    /// <summary>The server that the Sentinels take for the primary, as the first of them says.</summary>
    public async Task<RedisServerProcess> PrimaryAsync()
    {
        var port = await _sentinels[0].PrimaryAsync();
        return _servers.Find(server => server.Port == port) ?? _servers[0];
    }

    /// <summary>Returns when all Sentinels have agreed on another primary than this one.</summary>
    public async Task<RedisServerProcess> FailedOverAsync(RedisServerProcess former)
    {
        foreach (var sentinel in _sentinels)
            await Eventually.UntilAsync(async () => await sentinel.PrimaryAsync() is var port && port != former.Port && port != Cut?.Port, "a failover");
        return await PrimaryAsync();
    }

    /// <summary>Returns when each Sentinel knows the others and so many replicas that are well.</summary>
    public async Task SettledAsync(int replicas)
    {
        foreach (var sentinel in _sentinels)
        {
            await Eventually.UntilAsync(
                async () =>
                {
                    var state = await sentinel.StateAsync();
                    var known = (await sentinel.RunAsync("SENTINEL", "REPLICAS", Name)).Split('\n', StringSplitOptions.TrimEntries);
                    return state["flags"] == "master" && state["num-other-sentinels"] == $"{_sentinels.Count - 1}"
                        && known.Zip(known.Skip(1)).Count(static field => field is ("flags", "slave")) == replicas && (await sentinel.RunAsync("SENTINEL", "CKQUORUM", Name)).StartsWith("OK", StringComparison.Ordinal);
                },
                $"a Sentinel that knows {replicas} replicas",
                TimeSpan.FromSeconds(60));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sentinel in _sentinels)
            await sentinel.DisposeAsync();
        if (Cut is not null)
            await Cut.DisposeAsync();
        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    private async Task StartAllAsync()
    {
        var first = await AddAsync();
        if (_settings.Divisible)
            Cut = new NetworkProxy(first.Port);
        var port = Cut?.Port ?? first.Port;
        for (var i = 0; i < _settings.Replicas; i++)
        {
            var replica = await AddAsync("--replicaof", "127.0.0.1", port.ToString(CultureInfo.InvariantCulture));

            // A Sentinel asks the primary for its replicas at once and then only every ten seconds.
            await Eventually.Until(() => replica.Log.Contains("MASTER <-> REPLICA sync: Finished with success", StringComparison.Ordinal));
        }

        for (var i = 0; i < _settings.Sentinels; i++)
        {
            _sentinels.Add(await RedisSentinelProcess.StartAsync(new SentinelSettings(Name, port, (_settings.Sentinels / 2) + 1)
            {
                ServerPassword = _settings.Password, Password = _settings.SentinelPassword,
            }));
        }

        await SettledAsync(_settings.Replicas);
    }

    private async Task<RedisServerProcess> AddAsync(params IReadOnlyList<string> extra)
    {
        var server = await RedisServerProcess.StartAsync(new RedisServerSettings
        {
            Password = _settings.Password,
            Durable = _settings.Durable,
            Extra = ["--repl-diskless-sync-delay", "0", .. _settings.Password is { } password ? new[] { "--masterauth", password } : [], .. _settings.Extra, .. extra],
        });
        _servers.Add(server);
        return server;
    }
}
