using System.Globalization;

namespace Relay.Testing;

/// <summary>What a Sentinel watches over, and how it is reached itself.</summary>
/// <param name="Name">Of the primary.</param>
/// <param name="Port">Where it finds the primary on 127.0.0.1.</param>
/// <param name="Quorum">So many Sentinels have to find the primary down.</param>
public sealed record SentinelSettings(string Name, int Port, int Quorum)
{
    /// <summary>Of the servers.</summary>
    public string? ServerPassword { get; init; }

    /// <summary>Of the Sentinels.</summary>
    public string? Password { get; init; }
}

/// <summary>The real <c>redis-server --sentinel</c> on a free port of 127.0.0.1, which finds a server down after a second.</summary>
public sealed class RedisSentinelProcess : IAsyncDisposable
{
    private const string Missing = "redis-server was not found: apt-get install redis-server";
    private const string NoClient = "redis-cli was not found: apt-get install redis-tools";

    private readonly SentinelSettings _settings;
    private readonly TempFolder _folder = new("relay-sentinel-");
    private ServerProcess? _process;

    private RedisSentinelProcess(SentinelSettings settings)
    {
        _settings = settings;
        Port = FreePort.Next();
    }

    public int Port { get; }

    public string Log => _process?.Output ?? string.Empty;

    public static async Task<RedisSentinelProcess> StartAsync(SentinelSettings settings)
    {
        var sentinel = new RedisSentinelProcess(settings);
        try
        {
            await File.WriteAllLinesAsync(sentinel._folder.File("sentinel.conf"), sentinel.Lines());
            await sentinel.StartAgainAsync();
            return sentinel;
        }
        catch
        {
            await sentinel.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it on its port with what it knew; returns when it answers.</summary>
    public async Task StartAgainAsync()
    {
        _process?.Dispose();
        _process = ServerProcess.Start("redis-server", [_folder.File("sentinel.conf"), "--sentinel"], Missing);
        await Eventually.UntilAsync(async () => await RunAsync("PING") == "PONG", $"a Sentinel on port {Port}");
    }

    /// <summary>SIGKILL, and waits for the end.</summary>
    public async Task KillAsync()
    {
        Running.Kill();
        await Running.ExitedAsync();
    }

    /// <summary>SIGSTOP: it keeps its connections and answers nothing.</summary>
    public void Freeze() => Running.Freeze();

    public void Thaw() => Running.Thaw();

    /// <summary>One command through <c>redis-cli</c>; its output, a line for each element.</summary>
    public async Task<string> RunAsync(params string[] command)
    {
        string[] password = _settings.Password is { } text ? ["-a", text, "--no-auth-warning"] : [];
        using var cli = ServerProcess.Start("redis-cli", ["-p", Port.ToString(CultureInfo.InvariantCulture), .. password, .. command], NoClient);
        await cli.ExitedAsync();
        return cli.Output.Trim();
    }

    /// <summary>Port of the server that it takes for the primary.</summary>
    public async Task<int> PrimaryAsync() =>
        int.Parse((await RunAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", _settings.Name)).Split('\n')[1], CultureInfo.InvariantCulture);

    /// <summary>What it knows of the primary, as name and value.</summary>
    public async Task<IReadOnlyDictionary<string, string>> StateAsync()
    {
        var lines = (await RunAsync("SENTINEL", "MASTER", _settings.Name)).Split('\n', StringSplitOptions.TrimEntries);
        return Enumerable.Range(0, lines.Length / 2).ToDictionary(i => lines[2 * i], i => lines[(2 * i) + 1], StringComparer.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.ExitedAsync();
            process.Dispose();
        }

        _folder.Dispose();
    }

    private ServerProcess Running => _process ?? throw new InvalidOperationException("The Sentinel was not started.");

    private IEnumerable<string> Lines()
    {
        var (name, port, quorum) = _settings;
        yield return string.Create(CultureInfo.InvariantCulture, $"port {Port}");
        yield return "bind 127.0.0.1";
        yield return $"dir {_folder.Path}";
        yield return string.Create(CultureInfo.InvariantCulture, $"sentinel monitor {name} 127.0.0.1 {port} {quorum}");
        yield return $"sentinel down-after-milliseconds {name} 1000";
        yield return $"sentinel failover-timeout {name} 4000";
        if (_settings.ServerPassword is { } server)
            yield return $"sentinel auth-pass {name} {server}";
        if (_settings.Password is { } own)
        {
            yield return $"requirepass {own}";
            yield return $"sentinel sentinel-pass {own}";
        }
    }
}
