using System.Net;
using System.Net.Sockets;

namespace Relay.Bench.Load;

/// <summary>What opening the subscribers took.</summary>
/// <param name="Ready">Connections that became ready.</param>
/// <param name="Failed">Those that did not.</param>
/// <param name="Seconds">From the first attempt to the last one's end.</param>
internal readonly record struct ConnectResult(int Ready, int Failed, double Seconds);

/// <summary>Opens the subscribers: at most so many handshakes at once, and, with a ramp, at most so many per second.</summary>
internal sealed class ConnectPhase(RunState run)
{
    // Of the 28,232 ephemeral ports that Linux gives one source address by default, some are in use.
    private const int SubscribersPerAddress = 20_000;

    private int _ready;
    private int _failed;

    /// <summary>Ready so far.</summary>
    public int Ready => Volatile.Read(ref _ready);

    /// <summary>Failed so far.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>Opens <paramref name="count"/> connections; ends when each is ready or has failed.</summary>
    /// <param name="count">How many.</param>
    /// <param name="open">Opens one: its number, the address to come from (null = any); null, or why it failed.</param>
    /// <param name="cancellation">Ends the attempts.</param>
    public async Task<ConnectResult> OpenAsync(int count, Func<int, IPAddress?, CancellationToken, Task<string?>> open, CancellationToken cancellation)
    {
        var options = run.Options;
        var ramp = options.ConnectRate > 0 ? new Pacer(run.Clock, run.Clock.Now, options.ConnectRate) : null;
        var patience = options.ConnectTimeoutSeconds + (ramp is null ? 0 : count / options.ConnectRate);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(patience), run.Clock.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        using var slots = new SemaphoreSlim(options.ConnectConcurrency);
        var opening = new Task[count];
        var began = run.Clock.Now;
        for (var i = 0; i < count; i++)
        {
            if (ramp?.Until(i) is { } pause && pause > TimeSpan.Zero && !either.IsCancellationRequested)
            {
                await Task.Delay(pause, run.Clock.Time, either.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
            }

            await slots.WaitAsync(CancellationToken.None);
            opening[i] = OpenAsync(open, i, slots, either.Token);
        }

        await Task.WhenAll(opening);
        return new ConnectResult(Ready, Failed, (run.Clock.Now - began) / 1e9);
    }

    private async Task OpenAsync(Func<int, IPAddress?, CancellationToken, Task<string?>> open, int index, SemaphoreSlim slots, CancellationToken cancellation)
    {
        // Off the caller: its loop must not run on the thread that serves the sockets.
        await Task.Yield();
        var failure = await open(index, SourceOf(index), cancellation);
        Interlocked.Increment(ref failure is null ? ref _ready : ref _failed);
        slots.Release();
    }

    // One address has too few ports for more; every 127.x.y.z is this machine (RFC 1122 §3.2.1.3) and on Linux needs no set-up.
    private IPAddress? SourceOf(int index)
    {
        var server = run.Server.EndPoint.Address;
        var group = index / SubscribersPerAddress;
        return group > 0 && OperatingSystem.IsLinux() && server.AddressFamily == AddressFamily.InterNetwork && IPAddress.IsLoopback(server)
            ? new IPAddress([127, 0, 1, (byte)group])
            : null;
    }
}
