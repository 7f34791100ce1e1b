namespace Relay.Bench.Measure;

/// <summary>Looks at the watched processes again and again, for the most memory they hold. Its loop ends with it.</summary>
internal sealed class ServerWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly ServerProbe _probe;
    private readonly PeriodicTimer _ticks;
    private readonly Task _looking;
    private long _peak;

    public ServerWatch(ServerProbe probe, TimeProvider time)
    {
        _probe = probe;
        Before = probe.Take();
        _peak = Before.ResidentBytes;
        _ticks = new PeriodicTimer(Interval, time);
        _looking = probe.IsActive ? LookAsync() : Task.CompletedTask;
    }

    /// <summary>At the beginning.</summary>
    public ServerSample Before { get; }

    /// <summary>Most resident bytes seen.</summary>
    public long Peak => Math.Max(Volatile.Read(ref _peak), _probe.Take().ResidentBytes);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _ticks.Dispose();
        await _looking;
    }

    private async Task LookAsync()
    {
        while (await _ticks.WaitForNextTickAsync())
        {
            Volatile.Write(ref _peak, Math.Max(_peak, _probe.Take().ResidentBytes));
        }
    }
}
