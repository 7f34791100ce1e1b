using Relay.Actors.Cluster;
using Relay.Actors.Sessions;
using Relay.Protocol;

namespace Relay.Actors;

/// <summary>Subscribers by channel.</summary>
/// <param name="Subscribers">In the order of the names.</param>
/// <param name="PendingDeliveries">Unconfirmed deliveries to <c>context</c> clients.</param>
public sealed record ChannelCounts(IReadOnlyDictionary<string, int> Subscribers, int PendingDeliveries);

/// <content>What is listed and counted: of the whole cluster, where this node is a part of one. A node that does not answer within 2 s is left out.</content>
public sealed partial class RelaySystem
{
    /// <summary>Entries of one part of an answer between nodes.</summary>
    private const int ListedAtOnce = 2000;

    /// <summary>Beyond the walk of a keeper of sessions over a part of the channels that has just come to its node.</summary>
    private static readonly TimeSpan WalkBound = TimeSpan.FromMilliseconds(1500);

    private static readonly TimeSpan WalkLook = TimeSpan.FromMilliseconds(50);

    private readonly NodeNews? _news;
    private readonly NodeQuestions? _questions;

    /// <summary>Chat sessions on all nodes.</summary>
    public int SessionCount => _news?.Sessions ?? Sessions.Count;

    /// <summary>Connections of these dialects to all nodes; to others as of the last second.</summary>
    public int CountOf(params ReadOnlySpan<DialectKind> kinds) => _news?.CountOf(kinds) ?? Connections.CountOf(kinds);

    /// <summary>Chat sessions of all nodes, the one used last first.</summary>
    /// <param name="here">True = of this node alone.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<SessionSummary>> ListSessionsAsync(bool here, CancellationToken cancellationToken)
    {
        if (here || _questions is null)
        {
            return Sessions.All;
        }

        var asked = _questions.AskAsync(NodeTopic.Sessions, [], cancellationToken);
        await SessionsKnownAsync(cancellationToken);
        var found = Sessions.All.ToDictionary(static session => session.SessionId, StringComparer.Ordinal);
        foreach (var part in await asked)
        {
            foreach (var session in ListWire.ReadSessions(part))
            {
                // One that moves may be known to two nodes for a moment.
                found.TryAdd(session.SessionId, session);
            }
        }

        return [.. found.Values.OrderByDescending(static session => session.LastActivityMicros)];
    }

    /// <summary>Subscribers of these dialects on all nodes.</summary>
    /// <param name="kinds">Dialects.</param>
    /// <param name="here">True = on this node alone.</param>
    /// <param name="pending">Whether unconfirmed deliveries are counted, which takes a question to every replica.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ChannelCounts> CountChannelsAsync(DialectKind[] kinds, bool here, bool pending, CancellationToken cancellationToken)
    {
        var asked = here || _questions is null
            ? null
            : _questions.AskAsync(pending ? NodeTopic.Stats : NodeTopic.Channels, [.. kinds.Select(static kind => (byte)kind)], cancellationToken);
        var own = Channels.Counts(kinds);
        var deliveries = pending ? await CountPendingDeliveriesAsync(cancellationToken) : 0;
        if (asked is null)
        {
            return new ChannelCounts(own, deliveries);
        }

        var sum = new SortedDictionary<string, int>(own.ToDictionary(static one => one.Key, static one => one.Value, StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (var part in await asked)
        {
            deliveries += ListWire.AddChannels(part, sum);
        }

        return new ChannelCounts(sum, deliveries);
    }

    private async Task<IReadOnlyList<byte[]>> AnswerAsync(NodeTopic topic, byte[] more)
    {
        switch (topic)
        {
            case NodeTopic.Sessions:
                await SessionsKnownAsync(CancellationToken.None);
                return [.. Sessions.All.Chunk(ListedAtOnce).Select(ListWire.Write)];
            case NodeTopic.Channels or NodeTopic.Stats:
                var kinds = more.Where(static kind => kind <= (byte)DialectKind.Sse).Select(static kind => (DialectKind)kind).ToArray();
                var deliveries = topic == NodeTopic.Stats ? await CountPendingDeliveriesAsync(CancellationToken.None) : 0;
                var parts = Channels.Counts(kinds).Chunk(ListedAtOnce).Select(static part => ListWire.Write(part, 0)).ToList();
                parts.Add(ListWire.Write([], deliveries));
                return parts;
            case NodeTopic.Admin when AnswerVerb is { } answers:
                return [await AnswerAdminAsync(answers, more)];
            default:
                return [];
        }
    }

    // Sessions of channels that came to this node a moment ago are still being read.
    private async Task SessionsKnownAsync(CancellationToken cancellationToken)
    {
        var version = Ownership?.Version ?? 0;
        var since = _system.Time.GetTimestamp();
        while (Sessions.KnownOf < version && _system.Time.GetElapsedTime(since) < WalkBound)
        {
            await Task.Delay(WalkLook, _system.Time, cancellationToken);
        }
    }
}
