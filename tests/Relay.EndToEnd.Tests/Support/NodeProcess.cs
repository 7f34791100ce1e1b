using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>How a node is started.</summary>
internal sealed record NodeStart
{
    /// <summary>Keys under <c>Relay:</c> with their values; what is not named keeps its default, listeners a port of the system's choice.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Variables besides the tests' own environment, which is passed on without everything the node would read as configuration.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary><c>ulimit -n</c>, hard and soft; null = as here.</summary>
    public int? FileLimit { get; init; }

    /// <summary>A program with arguments that starts the node and keeps its process id, such as <c>strace -D</c>; empty = none.</summary>
    public IReadOnlyList<string> Under { get; init; } = [];

    /// <summary>Part of the lines in which the node may say that something broke, because the test breaks it; null = there are none.</summary>
    public string? ExpectedTrouble { get; init; }

    /// <summary>With these settings where it has none of its own.</summary>
    public NodeStart Or(params (string Key, string Value)[] settings) =>
        this with { Settings = With([.. settings.Where(setting => !Settings.ContainsKey(setting.Key)), .. Settings.Select(static one => (one.Key, one.Value))]).Settings };

    public static NodeStart With(params (string Key, string Value)[] settings) =>
        new() { Settings = settings.ToDictionary(setting => setting.Key, setting => setting.Value, StringComparer.Ordinal) };
}

/// <summary>
/// The program as its operators run it: <c>dotnet Relay.Node.dll</c>, a process of its own, in an empty folder. What it writes is kept; it is ended by
/// its id.
/// </summary>
internal sealed partial class NodeProcess : IAsyncDisposable
{
    public const int SigInt = 2;
    public const int SigTerm = 15;
    private const int SigKill = 9;
    private const int SigCont = 18;
    private const int SigStop = 19;

    /// <summary>A bound for a failing test. A start takes about a second on a machine with nothing else to do.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    // test.sh names a folder with the program compiled ahead, as in the image: hundreds of nodes are started, and about a fifth of what they cost is the compiling of themselves (22 nodes in 8 tests: 76 s of CPU, 62 s compiled ahead).
    private static readonly string Program = NodeProgram.Path;

    private static readonly string[] Listeners = ["main", "hooks", "context"];

    private readonly TempFolder _folder = new("relay-node-");
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Dictionary<string, Uri> _listeners = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string? _expectedTrouble;
    private bool _killed;
    private bool _ended;

    private NodeProcess(NodeStart start)
    {
        _expectedTrouble = start.ExpectedTrouble;
        var info = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = _folder.Path };
        if (start.FileLimit is { } files)
        {
            info.FileName = "bash";
            info.ArgumentList.Add("-c");
            info.ArgumentList.Add($"ulimit -n {files.ToString(CultureInfo.InvariantCulture)}; exec dotnet \"$@\"");
            info.ArgumentList.Add("node");
        }
        else
        {
            info.FileName = start.Under.Count > 0 ? start.Under[0] : "dotnet";
            foreach (var argument in start.Under.Skip(1).Concat(start.Under.Count > 0 ? ["dotnet"] : []))
            {
                info.ArgumentList.Add(argument);
            }
        }

        info.ArgumentList.Add(Program);
        foreach (var listener in Listeners.Where(listener => !start.Settings.ContainsKey($"Listeners:{listener}:Url")))
        {
            info.ArgumentList.Add($"--Relay:Listeners:{listener}:Url=http://127.0.0.1:0");
        }

        // Tests share their machine with other tests: what waits there for its turn says nothing of the node.
        foreach (var (key, value) in start.Or(("Limits:QueueDelay", "0")).Settings)
        {
            info.ArgumentList.Add($"--Relay:{key}={value}");
        }

        foreach (var name in info.Environment.Keys.Where(IsConfiguration).ToList())
        {
            info.Environment.Remove(name);
        }

        // The runtime's pipes for debuggers lie in the temporary folder, and stay there when a node is killed.
        info.Environment["DOTNET_EnableDiagnostics"] = "0";
        foreach (var (name, value) in start.Environment)
        {
            info.Environment[name] = value;
        }

        _process = new Process { StartInfo = info, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Exited += (_, _) => _ready.TrySetException(new ServerEndedException("the node ended before it was ready"));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool IsAlive => !_process.HasExited;

    /// <summary>All it has written so far, both streams, in lines.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Returns when a line with this text was written. A line may come later than what it tells of, since it passes a pipe.</summary>
    public Task SaysAsync(string text) =>
        Eventually.UntilAsync(() => Task.FromResult(Lines.Any(line => line.Contains(text, StringComparison.Ordinal))), $"a line with '{text}'");

    public string Log => string.Join('\n', Lines);

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{Id}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <summary>TCP connections and listeners it holds, and its other sockets.</summary>
    public int OpenSockets => Directory.EnumerateFileSystemEntries($"/proc/{Id}/fd").Count(static descriptor =>
        new FileInfo(descriptor).LinkTarget is { } target && target.StartsWith("socket:", StringComparison.Ordinal));

    /// <summary>Starts a node and returns when it says <c>ready</c>.</summary>
    public static async Task<NodeProcess> StartAsync(NodeStart? start = null)
    {
        var node = new NodeProcess(start ?? new NodeStart());
        try
        {
            await node._ready.Task.WaitAsync(Bound, TimeProvider.System);
            return node;
        }
        catch (Exception failure)
        {
            node.Signal(SigKill);
            await node._process.WaitForExitAsync();
            var log = node.Log;
            node.Release();
            throw new InvalidOperationException($"The node did not start: {log}", failure);
        }
    }

    public static Task<NodeProcess> StartAsync(params (string Key, string Value)[] settings) => StartAsync(NodeStart.With(settings));

    /// <summary>Runs a node that is expected to end by itself; its exit code and all it wrote.</summary>
    public static async Task<(int ExitCode, string Log)> RunAsync(NodeStart start)
    {
        var node = new NodeProcess(start);
        try
        {
            await node._process.WaitForExitAsync().WaitAsync(Bound, TimeProvider.System);
            return (node._process.ExitCode, node.Log);
        }
        finally
        {
            node.Signal(SigKill);
            await node._process.WaitForExitAsync();
            node.Release();
        }
    }

    /// <summary>Address of a listener, as the node printed it.</summary>
    public Uri Http(string path, string listener = "main") => new(_listeners[listener], path);

    public Uri Ws(string path, string listener = "main") => new UriBuilder(Http(path, listener)) { Scheme = "ws" }.Uri;

    public int Port(string listener) => _listeners[listener].Port;

    /// <summary>Returns when <c>/ready</c> says so: every part of it is well.</summary>
    public Task BecomesReadyAsync() => Eventually.UntilAsync(async () => (await this.GetAsync("/ready")).Status == 200, "the node is ready", Bound);

    /// <summary>SIGSTOP, until <see cref="Continue"/>.</summary>
    public void Pause() => Signal(SigStop);

    /// <summary>SIGCONT.</summary>
    public void Continue() => Signal(SigCont);

    /// <summary>Sends a signal and returns the exit code.</summary>
    public async Task<int> StopAsync(int signal = SigTerm)
    {
        Signal(signal);
        await _process.WaitForExitAsync().WaitAsync(Bound, TimeProvider.System);
        _ended = true;
        return _process.ExitCode;
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _killed = true;
        Signal(SigKill);
        await _process.WaitForExitAsync();
    }

    /// <summary>Nothing in the log says that something broke.</summary>
    public void AssertNoFailuresInLog()
    {
        var broken = Lines.Where(line => FailureLine().IsMatch(line) && (_expectedTrouble is null || !line.Contains(_expectedTrouble, StringComparison.Ordinal))).ToList();
        Assert.True(broken.Count == 0, string.Join('\n', broken) + "\n--- whole log\n" + Log);
    }

    /// <summary>SIGTERM, unless it was ended before; a node must then end with 0.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_killed && !_ended)
        {
            Signal(SigTerm);
            try
            {
                await _process.WaitForExitAsync().WaitAsync(Bound, TimeProvider.System);
            }
            catch (TimeoutException)
            {
                Signal(SigKill);
                await _process.WaitForExitAsync();
            }
        }

        var (code, log) = (_process.ExitCode, _killed || _ended ? "" : Log);
        Release();
        if (!_killed && !_ended && code != 0)
        {
            throw new InvalidOperationException($"The node ended with {code} after SIGTERM: {log}");
        }
    }

    private static bool IsConfiguration(string name) =>
        name.StartsWith("Relay__", StringComparison.OrdinalIgnoreCase) || name.StartsWith("Logging__", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase) || name is "WS_PORT" or "HOST";

    private void Release()
    {
        _process.Dispose();
        _folder.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lines)
        {
            _lines.Add(line);
            if (ListenerLine().Match(line) is { Success: true } listening)
            {
                _listeners[listening.Groups["name"].Value] = new Uri(listening.Groups["url"].Value);
            }
        }

        if (line == "ready")
        {
            _ready.TrySetResult();
        }
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited && SysKill(_process.Id, signal) != 0 && !_process.HasExited)
        {
            throw new InvalidOperationException($"kill({_process.Id}, {signal}) failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [GeneratedRegex(@"^listening (?<name>\S+) (?<url>\S+) dialect \S+$", RegexOptions.NonBacktracking)]
    private static partial Regex ListenerLine();

    [GeneratedRegex(@"^\S+Z fail: |^\S+Z crit: |Unhandled exception|Out of memory|Actor \S+ failed", RegexOptions.NonBacktracking)]
    private static partial Regex FailureLine();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SysKill(int pid, int signal);
}
