using System.Diagnostics;
using Relay.Testing;

namespace Relay.Node.Tests.Configuration;

/// <summary>The real program as a process of its own. Ended by its id, at the latest when disposed.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    /// <summary>Guards against a process that hangs; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource _patience = new(Patience);
    private readonly TemporaryFolder _folder = new();
    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly List<string> _output = [];

    public NodeProcess(string[] arguments, params (string Name, string Value)[] environment)
        : this(arguments, null, environment)
    {
    }

    /// <param name="workingFolder">Folder to start it in; null = an empty one.</param>
    public NodeProcess(string[] arguments, string? workingFolder, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = workingFolder ?? _folder.Path,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(NodeProgram.Path);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var inherited in start.Environment.Keys.Where(name => name is "WS_PORT" or "HOST" || name.StartsWith("Relay__", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(inherited);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync(_patience.Token);
    }

    /// <summary>Standard output so far.</summary>
    public IReadOnlyList<string> Output => _output;

    /// <summary>Standard error, complete once the process has ended.</summary>
    public Task<string> ErrorAsync() => _error;

    /// <summary>Reads standard output up to a line that begins so.</summary>
    public async Task<string> LineAsync(string begin)
    {
        while (await _process.StandardOutput.ReadLineAsync(_patience.Token) is { } line)
        {
            _output.Add(line);
            if (line.StartsWith(begin, StringComparison.Ordinal))
            {
                return line;
            }
        }

        throw new InvalidOperationException($"ended before '{begin}': {string.Join('\n', _output)}\n{await _error}");
    }

    /// <summary>The address in a <c>listening</c> line.</summary>
    public async Task<Uri> AddressAsync(string listener) => new((await LineAsync($"listening {listener} ")).Split(' ')[2]);

    /// <summary>Sends a signal by its name, e.g. <c>TERM</c>.</summary>
    public async Task SignalAsync(string name)
    {
        using var kill = Process.Start("sh", ["-c", $"kill -{name} {_process.Id}"]);
        await kill.WaitForExitAsync(_patience.Token);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Reads the rest of its output and waits for its end.</summary>
    public async Task<int> ExitAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync(_patience.Token) is { } line)
        {
            _output.Add(line);
        }

        await _process.WaitForExitAsync(_patience.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        _patience.Dispose();
        _folder.Dispose();
    }
}
