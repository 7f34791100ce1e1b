using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Who takes part in a run. Immutable.</summary>
internal sealed record RunShape
{
    public int Nodes { get; init; } = 1;

    public int Publishers { get; init; } = 4;

    public int Subscribers { get; init; } = 4;

    public IReadOnlyList<string> Channels { get; init; } = ["topics/crash-1", "topics/crash-2"];

    /// <summary>
    /// Of a publisher after each acknowledgement; zero = as fast as the nodes take it. Three nodes with their stores at full speed would take both cores of a small machine from everything
    /// that runs beside them, for times of failing over that are spent waiting.
    /// </summary>
    public TimeSpan Pause { get; init; }

    /// <summary>Three nodes, clients that roam, and outside of a long run a pace that leaves room for other tests.</summary>
    /// <param name="channels">The first part of the names of its 12 channels.</param>
    public static RunShape Cluster(string channels) => new()
    {
        Nodes = 3,
        Roams = true,
        Channels = [.. Enumerable.Range(1, 12).Select(n => $"{channels}-{n}")],
        Pause = TestLength.IsLong ? TimeSpan.Zero : TimeSpan.FromMilliseconds(3),
    };

    /// <summary>Of these so many for each subscriber, in turn; 0 = all.</summary>
    public int ChannelsEach { get; init; }

    /// <inheritdoc cref="RecordedSubscriber.EventsPerConnection"/>
    public int EventsPerConnection { get; init; } = 1500;

    /// <summary>Whoever listens to one of these is present there.</summary>
    public IReadOnlySet<string> PresentOn { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>What one of the nodes, counted from 0, is started with besides.</summary>
    public Func<int, NodeStart, NodeStart> Each { get; init; } = static (_, start) => start;

    /// <summary>True = clients come back to any node; else each waits for its own.</summary>
    public bool Roams { get; init; }

    /// <param name="subscriber">Counted from 1.</param>
    public IReadOnlyList<string> ChannelsOf(int subscriber) =>
        ChannelsEach == 0 ? Channels : [.. Enumerable.Range(0, ChannelsEach).Select(n => Channels[((subscriber * ChannelsEach) + n) % Channels.Count])];
}
