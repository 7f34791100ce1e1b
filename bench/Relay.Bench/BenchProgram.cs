using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Bench.Options;
using Relay.Bench.Report;
using Relay.Bench.Resume;
using Relay.Bench.Wire;

namespace Relay.Bench;

/// <summary>The program without its process: arguments in, text and exit code out.</summary>
internal static class BenchProgram
{
    public const int Clean = 0;
    public const int Faulty = 1;
    public const int WrongOptions = 2;

    /// <summary>Runs the tool.</summary>
    /// <param name="args">As on the command line.</param>
    /// <param name="output">Report and help.</param>
    /// <param name="error">Mistakes.</param>
    /// <param name="progress">One line per second; null = none.</param>
    /// <param name="cancellation">Ends the load early.</param>
    /// <returns>0 when all is well, 1 when a check failed, 2 for wrong options.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, TextWriter? progress, CancellationToken cancellation)
    {
        var commandLine = new CommandLine();
        var parsed = commandLine.Root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            return await RefuseAsync(error, parsed.Errors.Select(static mistake => mistake.Message));
        }

        if (parsed.Action is not null)
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error }, cancellation);
        }

        List<string> mistakes = [];
        var options = commandLine.Read(parsed, mistakes);
        if (mistakes.Count > 0)
        {
            return await RefuseAsync(error, mistakes);
        }

        SocketThreads.Inline(options.Threads);
        var (server, publishTo, redis) = (await ResolveAsync(options.Url), await ResolveAsync(options.PublishTo ?? options.Url), await ResolveRedisAsync(options));
        if (server is null || publishTo is null || (redis is null && options.Route == PublishRoute.Redis))
        {
            return await RefuseAsync(
                error,
                [
                    server is null ? $"--url {options.Url}: the host is not known"
                    : publishTo is null ? $"--publish-to {options.PublishTo}: the host is not known"
                    : $"--redis {options.Redis.Host}: the host is not known",
                ]);
        }

        using var state = new RunState(options, new BenchClock(TimeProvider.System), BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4)), server, publishTo, redis);
        var report = await RunAsync(options, state, new Progress(progress), cancellation);
        var json = ReportText.Json(report);
        await output.WriteLineAsync(options.Json ? json : ReportText.Table(report).TrimEnd());
        if (options.Output is { } file)
        {
            await File.WriteAllTextAsync(file, json + "\n", CancellationToken.None);
        }

        return report.Ok ? Clean : Faulty;
    }

    private static async Task<BenchReport> RunAsync(BenchOptions options, RunState state, Progress progress, CancellationToken cancellation)
    {
        if (options.Resume)
        {
            await using var resume = new ResumeRun(state, progress);
            return await resume.RunAsync(cancellation);
        }

        await using var run = new BenchRun(state, progress);
        return await run.RunAsync(cancellation);
    }

    private static async Task<int> RefuseAsync(TextWriter error, IEnumerable<string> mistakes)
    {
        foreach (var mistake in mistakes)
        {
            await error.WriteLineAsync(mistake);
        }

        await error.WriteLineAsync("All options: --help");
        return WrongOptions;
    }

    private static async Task<BenchServer?> ResolveAsync(Uri url) => await ResolveAsync(url.Host, url.Port) is { } endPoint ? new BenchServer(endPoint, url.Authority) : null;

    private static async Task<IPEndPoint?> ResolveRedisAsync(BenchOptions options) =>
        options.Route == PublishRoute.Redis ? await ResolveAsync(options.Redis.Host, options.Redis.Port) : null;

    private static async Task<IPEndPoint?> ResolveAsync(string host, int port)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return new IPEndPoint(literal, port);
        }

        try
        {
            // IPv4 first: "localhost" is both, and servers bound to 127.0.0.1 do not listen on ::1.
            var addresses = await Dns.GetHostAddressesAsync(host);
            return addresses.OrderBy(static address => address.AddressFamily != AddressFamily.InterNetwork).FirstOrDefault() is { } first
                ? new IPEndPoint(first, port)
                : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
