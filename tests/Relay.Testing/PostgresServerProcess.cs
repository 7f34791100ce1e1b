using System.Globalization;
using System.Net.Sockets;

namespace Relay.Testing;

/// <summary>
/// A real PostgreSQL cluster in a temporary folder, on a free port of 127.0.0.1, with fsync on and trust authentication.
/// Port and data stay the same over restarts; both are gone when it is disposed.
/// </summary>
/// <remarks>PostgreSQL refuses to run as root. A root user therefore runs it as <c>postgres</c>, who then owns the folder.</remarks>
public sealed class PostgresServerProcess : IAsyncDisposable
{
    private const string Missing = "PostgreSQL's server programs were not found under /usr/lib/postgresql/*/bin: apt-get install postgresql";
    private const string User = "postgres";

    private readonly TempFolder _folder = new("relay-pg-");
    private readonly string _programs = FindPrograms();
    private readonly IReadOnlyList<string> _extra;
    private readonly string? _disk;
    private ServerProcess? _process;

    private PostgresServerProcess(string? disk, IReadOnlyList<string> extra)
    {
        _disk = disk;
        _extra = extra;
        Port = FreePort.Next();
    }

    public int Port { get; }

    /// <summary>For Npgsql.</summary>
    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username={User};Database=postgres";

    /// <summary>What the server has logged since its last start.</summary>
    public string Log => _process?.Output ?? string.Empty;

    public string Folder => _folder.Path;

    private string Data => Path.Combine(_disk ?? _folder.Path, "data");

    private ServerProcess Running => _process ?? throw new InvalidOperationException("The server was not started.");

    /// <param name="extra">More settings, each as <c>name=value</c>.</param>
    /// <exception cref="InvalidOperationException">PostgreSQL is missing, or initdb failed.</exception>
    /// <exception cref="TimeoutException">It did not start; the text holds its own output.</exception>
    public static Task<PostgresServerProcess> StartAsync(params IReadOnlyList<string> extra) => StartOnAsync(disk: null, extra);

    /// <summary>As <see cref="StartAsync"/>, with the data in a folder that is the caller's; null = in a temporary one.</summary>
    public static async Task<PostgresServerProcess> StartOnAsync(string? disk, params IReadOnlyList<string> extra)
    {
        var server = new PostgresServerProcess(disk, extra);
        try
        {
            await server.InitialiseAsync();
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>As <see cref="StartAsync"/>, over TLS and nothing else: plain connections over TCP are refused.</summary>
    public static async Task<PostgresServerProcess> StartTlsAsync(TestCertificates certificates)
    {
        ArgumentNullException.ThrowIfNull(certificates);
        var server = new PostgresServerProcess(null, ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"]);
        try
        {
            await server.InitialiseAsync();

            // A key that others may read is refused, and the folder is the server's own.
            File.Copy(certificates.CertificateFile, Path.Combine(server.Data, "server.pem"));
            File.Copy(certificates.KeyFile, Path.Combine(server.Data, "server.key"));
            await File.WriteAllTextAsync(Path.Combine(server.Data, "pg_hba.conf"), "local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
            await ServerProcess.RunAsync("chmod", ["600", Path.Combine(server.Data, "server.key")], Missing);
            if (Environment.IsPrivilegedProcess)
                await ServerProcess.RunAsync("chown", ["postgres:postgres", Path.Combine(server.Data, "server.key"), Path.Combine(server.Data, "server.pem")], Missing);
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server on its port again; returns when it takes queries.</summary>
    public async Task StartAgainAsync()
    {
        _process?.Dispose();
        List<string> arguments =
        [
            "-D", Data, "-p", Port.ToString(CultureInfo.InvariantCulture), "-k", _folder.Path,
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c", "log_min_messages=warning",
        ];
        foreach (var setting in _extra)
            arguments.AddRange(["-c", setting]);
        _process = StartAsOwner("postgres", arguments);
        await Eventually.UntilAsync(AcceptsAsync, $"PostgreSQL on port {Port}");
    }

    /// <summary>SIGINT, PostgreSQL's "fast shutdown": sessions are ended, data is written.</summary>
    public async Task StopAsync()
    {
        Running.Interrupt();
        await Running.ExitedAsync();
    }

    /// <summary>SIGKILL of the postmaster, and waits for the end. Its children notice and end by themselves; the next start recovers from the log.</summary>
    public async Task KillAsync()
    {
        Running.Kill();
        await Running.ExitedAsync();
    }

    /// <summary>SIGKILL of the postmaster and of all its children, and waits until all are gone: from then on nothing is written.</summary>
    public async Task KillAllAsync()
    {
        // A postmaster that is stopped has no more children.
        Running.Freeze();
        await Eventually.Until(() => ProcessState(Running.Id) == 'T');
        var children = ChildrenOf(Running.Id);
        foreach (var child in children)
            ServerProcess.Kill(child);
        await KillAsync();
        await Eventually.Until(() => children.TrueForAll(static child => ProcessState(child) is null or 'Z'));
    }

    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            // SIGINT and not SIGKILL: the children would outlive the postmaster for a moment and hold the folder.
            process.Interrupt();
            await process.ExitedAsync();
            process.Dispose();
        }

        _folder.Dispose();
    }

    private static string FindPrograms()
    {
        const string Root = "/usr/lib/postgresql";
        var found = Directory.Exists(Root)
            ? Directory.GetDirectories(Root).Select(static version => Path.Combine(version, "bin")).Where(static bin => File.Exists(Path.Combine(bin, "initdb"))).ToList()
            : [];
        return found.Count > 0 ? found.Max(StringComparer.Ordinal)! : throw new InvalidOperationException(Missing);
    }

    private async Task InitialiseAsync()
    {
        if (Environment.IsPrivilegedProcess)
            await ServerProcess.RunAsync("chown", ["postgres:postgres", _folder.Path, .. _disk is null ? Array.Empty<string>() : [_disk]], Missing);
        using var initialise = StartAsOwner("initdb", ["-D", Data, "-U", User, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
        await initialise.ExitedAsync();
        if (!File.Exists(Path.Combine(Data, "PG_VERSION")))
            throw new InvalidOperationException($"initdb failed: {initialise.Output}");
    }

    private ServerProcess StartAsOwner(string program, IEnumerable<string> arguments)
    {
        var path = Path.Combine(_programs, program);
        // setpriv replaces itself by the program, so the process id is the server's own.
        return Environment.IsPrivilegedProcess
            ? ServerProcess.Start("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", path, .. arguments], "setpriv was not found: apt-get install util-linux")
            : ServerProcess.Start(path, arguments, Missing);
    }

    private static List<int> ChildrenOf(int parent) =>
    [
        .. File.ReadAllText($"/proc/{parent}/task/{parent}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(static id => int.Parse(id, CultureInfo.InvariantCulture)),
    ];

    // The third field of proc_pid_stat(5), behind the name in brackets; null when there is no such process.
    private static char? ProcessState(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[stat.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return null;
        }
    }

    private async Task<bool> AcceptsAsync()
    {
        if (Running.HasExited)
        {
            // Its last words may still be on their way.
            await Running.ExitedAsync();
            throw new ServerEndedException($"PostgreSQL ended: {Log}");
        }

        // The eighth line of postmaster.pid says "ready" once queries are taken, also after crash recovery; the port is open before.
        var status = Path.Combine(Data, "postmaster.pid");
        if (!File.Exists(status) || (await File.ReadAllLinesAsync(status)) is not [var owner, _, _, _, _, _, _, var state, ..])
            return false;

        // After a kill the file of the dead server still stands there, and still says so.
        if (!owner.Trim().Equals(Running.Id.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal))
            return false;
        if (!state.TrimEnd().Equals("ready", StringComparison.Ordinal))
            return false;
        using var probe = new TcpClient();
        await probe.ConnectAsync("127.0.0.1", Port);
        return true;
    }
}
