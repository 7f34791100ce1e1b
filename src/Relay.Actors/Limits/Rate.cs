namespace Relay.Actors.Limits;

/// <summary>So many per second in the long run, and so many at once. Immutable.</summary>
/// <param name="PerSecond">0 or less = no bound.</param>
/// <param name="Burst">How many seconds' worth may come at once after a pause; above zero.</param>
public readonly record struct Rate(double PerSecond, TimeSpan Burst)
{
    /// <summary>No bound.</summary>
    public static Rate None => default;

    /// <summary>False = anything passes.</summary>
    public bool IsBounded => PerSecond > 0;

    /// <summary>What <paramref name="count"/> use up, in ticks of 100 ns.</summary>
    internal long Cost(double count) => (long)(count / PerSecond * TimeSpan.TicksPerSecond);

    /// <summary>Room for at least one, whatever the burst.</summary>
    internal long Depth => Math.Max(Burst.Ticks, Cost(1));
}
