namespace Relay.Actors;

/// <summary>The wall clock in the unit of the wire: microseconds since 1970-01-01 UTC.</summary>
public static class Clock
{
    /// <summary>Now, by <paramref name="time"/>.</summary>
    public static long NowMicros(this TimeProvider time) => (time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond;
}
