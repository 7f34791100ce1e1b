using System.Globalization;
using System.Net.Sockets;

namespace Relay.Testing;

/// <summary>How the server is started.</summary>
public sealed record RedisServerSettings
{
    public string? Password { get; init; }

    /// <summary>Lines of an ACL file, such as <c>user relay on >secret ~* &amp;* +@all</c>.</summary>
    public IReadOnlyList<string>? Acl { get; init; }

    /// <summary>TLS only, with certificates made for this server; see <see cref="RedisServerProcess.Certificates"/>.</summary>
    public bool Tls { get; init; }

    /// <summary>Append-only file with fsync at every write; otherwise nothing is kept over a restart.</summary>
    public bool Durable { get; init; }

    /// <summary>Where it listens and is found.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>A program with arguments that starts it and keeps its process id, such as <see cref="FarNetwork.Inside"/>; empty = none.</summary>
    public IReadOnlyList<string> Under { get; init; } = [];

    /// <summary>More directives as on the command line: <c>--maxmemory 3mb</c> is <c>["--maxmemory", "3mb"]</c>.</summary>
    public IReadOnlyList<string> Extra { get; init; } = [];
}

/// <summary>
/// The real <c>redis-server</c> on a free port, with its data in a temporary folder.
/// Port and folder stay the same over restarts; both are gone when it is disposed.
/// </summary>
public sealed class RedisServerProcess : IAsyncDisposable
{
    private const string Missing = "redis-server was not found: apt-get install redis-server";

    private readonly RedisServerSettings _settings;
    private readonly TempFolder _folder = new("relay-redis-");
    private ServerProcess? _process;

    private RedisServerProcess(RedisServerSettings settings)
    {
        _settings = settings;
        Port = FreePort.Next();
        if (settings.Tls)
            Certificates = TestCertificates.Create(_folder);
    }

    public int Port { get; }

    /// <inheritdoc cref="RedisServerSettings.Host"/>
    public string Host => _settings.Host;

    /// <summary>As <c>Relay:Redis:Endpoints</c> takes it.</summary>
    public string Endpoint => $"{(_settings.Tls ? "rediss" : "redis")}://{Host}:{Port}";

    public TestCertificates? Certificates { get; }

    public string Folder => _folder.Path;

    /// <summary>What the server has logged since its last start.</summary>
    public string Log => _process?.Output ?? string.Empty;

    /// <exception cref="InvalidOperationException">redis-server is missing.</exception>
    /// <exception cref="TimeoutException">It did not start; the text holds its own output.</exception>
    public static async Task<RedisServerProcess> StartAsync(RedisServerSettings? settings = null)
    {
        var server = new RedisServerProcess(settings ?? new RedisServerSettings());
        try
        {
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server on its port again after <see cref="StopAsync"/> or <see cref="KillAsync"/>; returns when it accepts connections.</summary>
    public async Task StartAgainAsync()
    {
        _process?.Dispose();
        string[] command = [.. _settings.Under, "redis-server", .. Arguments()];
        _process = ServerProcess.Start(command[0], command.Skip(1), Missing);
        await Eventually.UntilAsync(AcceptsAsync, $"redis-server on port {Port}");
    }

    /// <summary>SIGTERM, and waits for the end.</summary>
    public async Task StopAsync()
    {
        Running.Terminate();
        await Running.ExitedAsync();
    }

    /// <summary>SIGKILL, and waits for the end.</summary>
    public async Task KillAsync()
    {
        Running.Kill();
        await Running.ExitedAsync();
    }

    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>SIGSTOP: the server keeps its connections and answers nothing.</summary>
    public void Freeze() => Running.Freeze();

    public void Thaw() => Running.Thaw();

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

    private ServerProcess Running => _process ?? throw new InvalidOperationException("The server was not started.");

    private List<string> Arguments()
    {
        var port = Port.ToString(CultureInfo.InvariantCulture);
        List<string> arguments = ["--bind", Host, "--dir", _folder.Path, "--save", "", "--daemonize", "no"];
        arguments.AddRange(_settings.Tls
            ? ["--port", "0", "--tls-port", port, "--tls-cert-file", Certificates!.CertificateFile, "--tls-key-file", Certificates.KeyFile, "--tls-ca-cert-file", Certificates.CaFile, "--tls-auth-clients", "no"]
            : ["--port", port]);
        if (_settings.Durable)
            arguments.AddRange(["--appendonly", "yes", "--appendfsync", "always"]);
        if (_settings.Password is { } password)
            arguments.AddRange(["--requirepass", password]);
        if (_settings.Acl is { } acl)
        {
            File.WriteAllLines(_folder.File("users.acl"), acl);
            arguments.AddRange(["--aclfile", _folder.File("users.acl")]);
        }

        arguments.AddRange(_settings.Extra);
        return arguments;
    }

    private async Task<bool> AcceptsAsync()
    {
        if (Running.HasExited)
        {
            // Its last words may still be on their way.
            await Running.ExitedAsync();
            throw new ServerEndedException($"redis-server ended: {Log}");
        }

        // "Ready to accept connections" comes after the append-only file was read, the port is open before.
        if (!Log.Contains("Ready to accept connections", StringComparison.Ordinal))
            return false;
        using var probe = new TcpClient();
        await probe.ConnectAsync(Host, Port);
        return true;
    }
}
