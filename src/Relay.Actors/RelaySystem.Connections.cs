using Relay.Actors.Admin;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors;

/// <content>Connections of this node as its operators see them, and what they do to them.</content>
public sealed partial class RelaySystem
{
    private static readonly TimeSpan LookTimeout = TimeSpan.FromSeconds(1);

    /// <summary>A page of this node's connections. One walk over all of them, nothing else: it may be asked every second.</summary>
    public async Task<ConnectionPage> ListConnectionsAsync(ConnectionQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        var all = query.Channel is { } channel ? await SubscribersOfAsync(channel, cancellationToken) : Connections.All;
        var now = _connections.Time.GetTimestamp();
        var total = 0;

        // The lowest numbers behind the page before, the highest of them on top.
        var page = new PriorityQueue<ClientConnection, long>();
        foreach (var client in all)
        {
            if (!query.Matches(client))
            {
                continue;
            }

            total++;
            if (client.Id > query.After)
            {
                if (page.Count < query.Limit)
                {
                    page.Enqueue(client, -client.Id);
                }
                else
                {
                    page.EnqueueDequeue(client, -client.Id);
                }
            }
        }

        return new ConnectionPage(total, [.. page.UnorderedItems.Select(static item => item.Element).OrderBy(static client => client.Id).Select(client => FactsOf(client, now))]);
    }

    /// <summary>One connection by its id as clients see it, or its number; null when it is not here.</summary>
    public async Task<ConnectionDetail?> DescribeConnectionAsync(string id, CancellationToken cancellationToken)
    {
        if (FindConnection(id) is not { } client)
        {
            return null;
        }

        try
        {
            var told = await client.Actor.Ask<SubscriptionsTold>(TellSubscriptions.Instance, LookTimeout, cancellationToken);
            return new ConnectionDetail(FactsOf(client, _connections.Time.GetTimestamp()), told.Subscriptions);
        }
        catch (AskTimeoutException)
        {
            // It ended meanwhile.
            return null;
        }
    }

    /// <summary>Closes connections of this node; native clients are told before by an error frame.</summary>
    /// <param name="user">Those of this user or agent; null = not by user.</param>
    /// <param name="connection">This one, by its id or number; null = not by connection.</param>
    /// <param name="code">A close code that may stand on the wire.</param>
    /// <param name="reason">For people; at most 123 bytes.</param>
    /// <returns>How many.</returns>
    public int Disconnect(string? user, string? connection, int code, string reason)
    {
        var count = 0;
        foreach (var client in Chosen(user, connection).Where(static client => !client.Outbound.IsClosing))
        {
            if (client.Dialect.Profile is { IsNative: true, IsStream: false })
            {
                client.Send(new ErrorMessage { TimestampMicros = _connections.Time.NowMicros(), Code = ErrorCode.NotAuthorized, Text = "Disconnected by an operator: " + reason, MessageBits = _parts.RandomBits() });
            }

            client.Close(code, reason);
            count++;
        }

        return count;
    }

    /// <summary>Ends subscriptions of connections of this node to a channel or pattern; native clients are told by an error frame.</summary>
    /// <returns>How many.</returns>
    public async Task<int> UnsubscribeAsync(string? user, string? connection, string channel, CancellationToken cancellationToken)
    {
        var asked = Chosen(user, connection).Select(client => client.Actor.Ask<TakenOut>(new TakeOut(channel), LookTimeout, cancellationToken)).ToList();
        var count = 0;
        foreach (var answer in asked)
        {
            try
            {
                count += (await answer).Was ? 1 : 0;
            }
            catch (AskTimeoutException)
            {
                // It ended meanwhile, with all its subscriptions.
            }
        }

        return count;
    }

    private IEnumerable<ClientConnection> Chosen(string? user, string? connection) =>
        connection is not null
            ? FindConnection(connection) is { } one && (user is null || one.Subject == user || one.Agent == user) ? [one] : []
            : Connections.All.Where(client => user is not null && (client.Subject == user || client.Agent == user));

    private ClientConnection? FindConnection(string id) =>
        long.TryParse(id, System.Globalization.CultureInfo.InvariantCulture, out var number) ? Connections.Find(number) : Connections.All.FirstOrDefault(client => client.ClientId == id);

    private async Task<IEnumerable<ClientConnection>> SubscribersOfAsync(string channel, CancellationToken cancellationToken)
    {
        // Some dialects have channels whose names look like patterns; one that nobody is on is not asked, or asking would make its replica.
        var entities = new[] { channel, PatternReplica.EntityOf(channel) };
        var asked = entities.Take(Channels.Has(channel) ? 1 : 0).Select(entity => Replicas.Ask<SightReply>(new ShardEnvelope(entity, new SightQuery(null)), LookTimeout, cancellationToken))
            .Concat(_patterns.Entries.Where(entry => entry.Replica.Path.Name == entities[1]).Select(entry => entry.Replica.Ask<SightReply>(new SightQuery(null), LookTimeout, cancellationToken)))
            .ToList();
        var found = new HashSet<ClientConnection>();
        foreach (var reply in asked)
        {
            try
            {
                found.UnionWith((await reply).Subscriptions.Select(static one => one.Client));
            }
            catch (AskTimeoutException)
            {
                // Its last subscriber left meanwhile.
            }
        }

        return found;
    }

    private static ConnectionFacts FactsOf(ClientConnection client, long now)
    {
        var request = client.Request;
        var principal = client.Principal;
        return new ConnectionFacts(client.Id, client.ClientId, client.Dialect.Profile.Name, request.Listener, request.RemoteAddress)
        {
            User = client.Subject ?? "",
            Agent = client.Agent ?? request.AgentId ?? "",
            IsAuthenticated = principal.IsAuthenticated,
            IsService = principal.IsService,
            OpenedMicros = client.OpenedMicros,
            Silent = client.SilentFor(now),
            UnsentBytes = client.Outbound.UnsentBytes,
            DroppedEvents = client.Outbound.DroppedEvents,
            IsClosing = client.Outbound.IsClosing,
            TokenEnds = principal.ExpiresAt,
        };
    }
}
