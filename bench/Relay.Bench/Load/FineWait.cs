using System.Runtime.InteropServices;

namespace Relay.Bench.Load;

/// <summary>
/// Waits that are finer than a millisecond, for the pacing thread only. Timers of the runtime tick in milliseconds: at 1,000 publishes per second they
/// would add half a millisecond to every latency. Linux sleeps for nanoseconds (to within the timer slack of 50 us); elsewhere the last
/// millisecond is spent yielding.
/// </summary>
internal static partial class FineWait
{
    /// <summary>Blocks the thread for <paramref name="time"/>, or until shortly before.</summary>
    public static void For(TimeSpan time, ManualResetEventSlim cancelled)
    {
        // Long waits end when the run ends.
        if (time > TimeSpan.FromMilliseconds(20))
        {
            cancelled.Wait(TimeSpan.FromMilliseconds(15));
        }
        else if (!OperatingSystem.IsLinux())
        {
            Thread.Yield();
        }
        else if (time > TimeSpan.Zero)
        {
            var request = new TimeSpec(0, (nint)time.TotalNanoseconds);
            _ = NanoSleep(request, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int NanoSleep(in TimeSpec request, nint remaining);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct TimeSpec(nint Seconds, nint Nanoseconds);
}
