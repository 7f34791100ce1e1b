using Relay.Cluster.Engine;

namespace Relay.Actors.Cluster;

/// <summary>When clients that are sent away come back elsewhere, and when their connections end. Plain rules.</summary>
internal static class DeparturePlan
{
    /// <summary>Fewer per second than this part of what is allowed help nobody: a node with few clients need not wait for the end of its time.</summary>
    private const int SlowestPart = 10;

    /// <summary>Clients per second that so many are sent away with, so that they fill the time, if the bound for the whole cluster lets them.</summary>
    public static double Pace(int clients, TimeSpan time, double bound) =>
        Math.Clamp(time > TimeSpan.Zero ? clients / time.TotalSeconds : bound, bound / SlowestPart, bound);

    /// <summary>
    /// The departure of the client with this number, from 0. Who has no slot within the time is served until its end, and is told to come back at its slot all the same: the bound holds for
    /// clients that keep to what they are told.
    /// </summary>
    public static Departure Of(int number, Reservation slots, TimeSpan time)
    {
        var returns = slots.First + (number * slots.Gap);
        return new Departure(returns, returns < time ? returns : time);
    }
}

/// <summary>From now.</summary>
/// <param name="Returns">When the client is to come back.</param>
/// <param name="Closes">When its connection ends at the latest.</param>
internal readonly record struct Departure(TimeSpan Returns, TimeSpan Closes);
