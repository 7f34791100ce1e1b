using System.Runtime.InteropServices;
using Relay.Node.Listeners.Tls;

namespace Relay.Node.Configuration.Live;

/// <summary>
/// Looks every <c>Reload:Interval</c> whether the configuration's files, key files or certificates have changed, and reads them on SIGHUP at once. By looking and not by the system's watching,
/// which misses the exchanged links of mounted secrets and does nothing on network file systems.
/// </summary>
internal sealed partial class ReloadService(
    ConfigurationReload configuration, CertificateStore certificates, RelayOptions options, TimeProvider time, ILogger<ReloadService> logger) : BackgroundService
{
    private readonly SemaphoreSlim _asked = new(0);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A terminal that goes sends SIGHUP as well, and takes the node it shows with it.
        using var signal = OperatingSystem.IsWindows() || !Console.IsInputRedirected ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
        var interval = options.Reload.Interval > TimeSpan.Zero ? options.Reload.Interval : Timeout.InfiniteTimeSpan;

        // Tells of certificates that end soon at the start as well.
        certificates.Look();
        while (!stoppingToken.IsCancellationRequested)
        {
            var asked = await WaitAsync(interval, stoppingToken);
            try
            {
                if (asked)
                {
                    configuration.Read(asked: true);
                }
                else
                {
                    configuration.Look();
                }

                certificates.Look(asked);
            }
            catch (Exception failure)
            {
                // What is in force stays; the next look comes.
                LogFailed(failure);
            }
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _asked.Dispose();
    }

    // True when somebody asks, false when it is time.
    private async Task<bool> WaitAsync(TimeSpan longest, CancellationToken stopping)
    {
        using var over = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, stopping);
        try
        {
            await _asked.WaitAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return false;
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        _asked.Release();
    }

    [LoggerMessage(LogLevel.Error, "reading the configuration again failed, the one before stays")]
    private partial void LogFailed(Exception failure);
}
