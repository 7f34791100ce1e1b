namespace Relay.Node.Tests.Support;

/// <summary>Real time, but every timer fires when half its time is over: what a coarse timer does now and then, always.</summary>
internal sealed class HastyTime : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Hasty(System.CreateTimer(callback, state, Halved(dueTime), period));

    private static TimeSpan Halved(TimeSpan due) => due > TimeSpan.Zero ? due / 2 : due;

    private sealed class Hasty(ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(Halved(dueTime), period);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
