using System.Text;
using Relay.Actors.Explain;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors;

/// <content>What became of an event: as far as this node knows (docs/operations-admin.md). The program asks all nodes and puts their answers together.</content>
public sealed partial class RelaySystem
{
    /// <summary>Most events or attempts of one id.</summary>
    private const int MostFound = 20;

    private static readonly TimeSpan SightTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Events that channels of this node accepted, or that came to it, under an id: the server's (<c>msg_…</c>) or the publisher's own. Newest last.</summary>
    /// <param name="id">Either id.</param>
    /// <param name="channel">Only of this channel; null = any.</param>
    public IReadOnlyList<FoundEvent> FindEvents(string id, string? channel)
    {
        var hash = DeliveryLog.HashOf(id);
        var isPosition = MessageId.TryParse(Encoding.UTF8.GetBytes(id), out var position);
        var found = Deliveries.FindAccepted(entry => (isPosition ? entry.Position == position : entry.IdHash == hash) && (channel is null || entry.Channel == channel), MostFound)
            .ConvertAll(static entry => new FoundEvent(
                new ExplainedEvent(entry.Channel, entry.Event, entry.Position, entry.TimeMicros) { ExpiresMicros = entry.ExpiresMicros, Excluded = entry.Excluded }, entry.Nodes));
        if (found.Count == 0 && isPosition)
        {
            // Its owner is gone with what it knew; that it came here is known.
            found = Deliveries.FindFannedOut(entry => entry.Epoch == position.Epoch && entry.From <= position.Offset && position.Offset <= entry.To && (channel is null || entry.Channel == channel))
                .Take(1).Select(entry => new FoundEvent(new ExplainedEvent(entry.Channel, "", position, entry.TimeMicros), null)).ToList();
        }

        return found;
    }

    /// <summary>Publishes by clients and services of this node under an id that were not accepted, newest last. A duplicate is also found by the server's id of the event that was accepted.</summary>
    public IReadOnlyList<FailedPublish> FindFailures(string id, string? channel)
    {
        var hash = DeliveryLog.HashOf(id);
        var isPosition = MessageId.TryParse(Encoding.UTF8.GetBytes(id), out var position);
        return Deliveries.FindNotAccepted(entry => (isPosition ? entry.Position == position : entry.IdHash == hash) && (channel is null || entry.Channel == channel), MostFound)
            .ConvertAll(static entry => new FailedPublish(entry.Channel, OutcomeOf(entry.Outcome), entry.Reason, entry.Publisher, entry.TimeMicros));
    }

    /// <summary>What became of an event for connections of this node.</summary>
    /// <param name="message">The event.</param>
    /// <param name="user">Only connections of this user or agent.</param>
    /// <param name="connection">Only this one, by its id as clients see it, or its number. With neither: all that had to do with the event.</param>
    /// <param name="most">Most verdicts; those of the earliest connections.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ExplainedHere> ExplainHereAsync(ExplainedEvent message, string? user, string? connection, int most, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        var (channel, position) = (message.Channel, message.Position);
        var patterns = _patterns.Entries.Where(entry => entry.Pattern.Matches(channel) && PatternReplica.PatternOf(entry.Replica.Path.Name) is not null).Select(static entry => entry.Replica).ToList();
        var entities = patterns.Select(static replica => replica.Path.Name).Append(channel).ToHashSet(StringComparer.Ordinal);
        var happened = Deliveries.FindHappenings(entry => entities.Contains(entry.Entity) || (entry.What == Happening.SubscribeRefused && IsFor(entry.Entity, channel))).ToLookup(static entry => entry.Connection);
        var number = long.TryParse(connection, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
        var isFiltered = user is not null || connection is not null;
        var ends = Deliveries.FindEnds(entry => isFiltered
            ? (user is null || entry.User == user) && (connection is null || entry.ClientId == connection || entry.Connection == number)
            : happened.Contains(entry.Connection)).GroupBy(static entry => entry.Connection).ToDictionary(static same => same.Key, static same => same.Last());
        var live = Connections.All.Where(client => isFiltered && (user is null || client.Subject == user || client.Agent == user)
            && (connection is null || client.ClientId == connection || client.Id == number)).ToDictionary(static client => client.Id);

        var sights = await SeeAsync(channel, patterns, isFiltered ? live.Keys.ToHashSet() : null, cancellationToken);
        if (!isFiltered)
        {
            foreach (var sight in sights.SelectMany(static reply => reply.Subscriptions))
            {
                live[sight.Client.Id] = sight.Client;
            }

            foreach (var id in happened.Select(static entries => entries.Key).Where(id => !live.ContainsKey(id)))
            {
                if (Connections.Find(id) is { } client)
                {
                    live[id] = client;
                }
            }
        }

        var fanOuts = Deliveries.FindFannedOut(entry => entry.Channel == channel && entry.Epoch == position.Epoch && entry.From <= position.Offset && position.Offset <= entry.To);
        var subscriptions = sights.SelectMany(static reply => reply.Subscriptions).ToLookup(static one => one.Client.Id, static one => one.Subscription);
        var ids = live.Keys.Union(ends.Keys).Order().ToList();
        var chosen = ids.Take(most).ToHashSet();
        var late = Deliveries.FindLate(entry => chosen.Contains(entry.Connection)).ToLookup(static entry => entry.Connection);
        var acks = Deliveries.FindAcks(entry => entry.Position == position && chosen.Contains(entry.Connection)).ToLookup(static entry => entry.Connection);
        var verdicts = new List<ConnectionVerdict>();
        foreach (var id in ids.Take(most))
        {
            var client = live.GetValueOrDefault(id);
            EndEntry? end = client is null ? ends[id] : null;
            var sight = new ConnectionSight(id, client?.OpenedMicros ?? end!.Value.OpenedMicros)
            {
                EndedMicros = end?.EndedMicros,
                LostMicros = end?.LostMicros ?? client!.Outbound.LostMicros,
                EndCode = end?.Code ?? client!.EndCode,
                EndReason = end?.Reason ?? client!.EndReason,
                WaitingMicros = client?.Outbound.WaitingMicros ?? 0,
                Subscriptions = [.. subscriptions[id]],
                Happenings = [.. happened[id]],
                Late = [.. late[id]],
                Acks = [.. acks[id]],
            };
            verdicts.Add(new ConnectionVerdict(
                id, client?.ClientId ?? end!.Value.ClientId, client is null ? end!.Value.User : client.Subject ?? "", client?.Kind ?? end!.Value.Kind, DeliveryRules.Judge(message, fanOuts, sight)));
        }

        return new ExplainedHere(ids.Count, verdicts);
    }

    /// <summary>Notes that a service may not publish, for who asks later.</summary>
    public void NoteRefused(string channel, string? id, string reason, string publisher) =>
        Deliveries.NotAccepted(channel, id, NotAccepted.NotAuthorized, default, reason, publisher, _connections.Time.NowMicros());

    private async Task<IReadOnlyList<SightReply>> SeeAsync(string channel, List<IActorRef> patterns, IReadOnlySet<long>? connections, CancellationToken cancellationToken)
    {
        var asked = patterns.ConvertAll(replica => replica.Ask<SightReply>(new SightQuery(connections), SightTimeout, cancellationToken));
        if (Channels.Has(channel))
        {
            asked.Add(Replicas.Ask<SightReply>(new ShardEnvelope(channel, new SightQuery(connections)), SightTimeout, cancellationToken));
        }

        var seen = new List<SightReply>();
        foreach (var reply in asked)
        {
            try
            {
                seen.Add(await reply);
            }
            catch (AskTimeoutException)
            {
                // It ended meanwhile; what is known besides is told.
            }
        }

        return seen;
    }

    private static bool IsFor(string refused, string channel) => refused == channel || (ChannelPattern.TryParse(refused, out var pattern) && pattern.Matches(channel));

    private static string OutcomeOf(NotAccepted outcome) => outcome switch
    {
        NotAccepted.Duplicate => "duplicate",
        NotAccepted.NotAuthorized => "not_authorized",
        NotAccepted.Unavailable => "unavailable",
        _ => "rejected",
    };
}
