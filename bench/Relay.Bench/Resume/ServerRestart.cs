using System.Diagnostics;
using System.Globalization;
using Relay.Bench.Load;

namespace Relay.Bench.Resume;

/// <summary>What became of a restart.</summary>
/// <param name="Seconds">From the start of the command until the server said that it is ready.</param>
/// <param name="Pid">The new process; null when the command named none.</param>
/// <param name="Failure">Why there is no server; null when there is.</param>
internal readonly record struct RestartResult(double Seconds, int? Pid, string? Failure);

/// <summary>
/// Restarts the server with a command of the user: <c>sh -c COMMAND</c> has to end with 0, and names the new process by a line that is only its id. Then
/// <c>GET /ready</c> is asked until it is 200. Both have to happen within <c>--connect-timeout</c>.
/// </summary>
internal sealed class ServerRestart(RunState run)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    public async Task<RestartResult> RunAsync(string command, CancellationToken cancellation)
    {
        var began = run.Clock.Now;
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(run.Options.ConnectTimeoutSeconds), run.Clock.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        var (failure, pid) = (default(string), default(int?));
        try
        {
            (failure, pid) = await RestartAsync(command, either.Token);
            if (failure is null)
            {
                await UntilReadyAsync(either.Token);
            }
        }
        catch (OperationCanceledException)
        {
            failure = pid is null
                ? "--restart-command did not end in time (--connect-timeout; what it leaves running must not hold its output)"
                : "the server is not ready in time (--connect-timeout)";
        }

        // Answers come on the thread that serves the sockets; the run must not go on there.
        await Task.Yield();
        return new RestartResult((run.Clock.Now - began) / 1e9, pid, failure);
    }

    private static async Task<(string? Failure, int? Pid)> RestartAsync(string command, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardOutput = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        try
        {
            var said = await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            var pids = said.Split('\n').Select(static line => int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0);
            return process.ExitCode == 0
                ? (null, pids.LastOrDefault(static pid => pid > 0) is var last and > 0 ? last : null)
                : ($"--restart-command ended with {process.ExitCode}: {said.Trim()}", null);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private async Task UntilReadyAsync(CancellationToken cancellation)
    {
        using var http = new HttpClient();
        var address = new Uri($"http://{run.Server.Authority}/ready");
        while (!await IsReadyAsync(http, address, cancellation))
        {
            await Task.Delay(Pause, run.Clock.Time, cancellation);
        }
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, Uri address, CancellationToken cancellation)
    {
        try
        {
            using var answer = await http.GetAsync(address, cancellation);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            // Nobody listens yet.
            return false;
        }
    }
}
