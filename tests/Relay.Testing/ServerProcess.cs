using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Relay.Testing;

/// <summary>A child process with its output kept for failure texts. Ended by its id and by nothing else.</summary>
public sealed partial class ServerProcess : IDisposable
{
    // Signal numbers of Linux and macOS where they agree; STOP and CONT differ and are taken for Linux.
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private const int SigInt = 2;
    private const int SigCont = 18;
    private const int SigStop = 19;

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(Process process)
    {
        _process = process;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>What the process has written so far, both streams.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <exception cref="InvalidOperationException">The program cannot be started; the text is <paramref name="whenMissing"/>.</exception>
    public static ServerProcess Start(string program, IEnumerable<string> arguments, string whenMissing, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        var process = new Process { StartInfo = start };
        var server = new ServerProcess(process);
        process.OutputDataReceived += (_, line) => server.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => server.Keep(line.Data);
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            process.Dispose();
            throw new InvalidOperationException(whenMissing, error);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="InvalidOperationException">It failed or is missing.</exception>
    public static async Task RunAsync(string program, IEnumerable<string> arguments, string whenMissing)
    {
        using var server = Start(program, arguments, whenMissing);
        await server.ExitedAsync();
        if (server._process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {server._process.ExitCode.ToString(CultureInfo.InvariantCulture)}: {server.Output}");
    }

    public void Terminate() => Signal(SigTerm);

    public void Kill() => Signal(SigKill);

    /// <summary>SIGKILL of a process that a server has started; one that is gone is fine.</summary>
    internal static void Kill(int id) => _ = SysKill(id, SigKill);

    public void Interrupt() => Signal(SigInt);

    /// <summary>SIGSTOP: the process keeps its sockets and does nothing.</summary>
    public void Freeze() => Signal(SigStop);

    public void Thaw() => Signal(SigCont);

    /// <summary>Ends when the process has ended and its output is in <see cref="Output"/> to the last line.</summary>
    public Task ExitedAsync() => _process.WaitForExitAsync();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited && SysKill(_process.Id, signal) != 0 && !_process.HasExited)
            throw new InvalidOperationException($"kill({_process.Id}, {signal}) failed with errno {Marshal.GetLastPInvokeError()}");
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SysKill(int pid, int signal);
}
