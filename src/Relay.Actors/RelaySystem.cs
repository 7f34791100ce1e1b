using Microsoft.Extensions.Logging;
using Relay.Actors.Agents;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Connections;
using Relay.Actors.Explain;
using Relay.Actors.Fanout;
using Relay.Actors.Hooks;
using Relay.Actors.Limits;
using Relay.Actors.Metrics;
using Relay.Actors.Security;
using Relay.Actors.Sessions;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors;

/// <summary>What the program brings along for the actors. Immutable.</summary>
public sealed record RelayParts
{
    /// <summary>Configuration.</summary>
    public required LiveSettings Live { get; init; }

    /// <summary>The settings in force.</summary>
    public RelaySettings Settings => Live.Current;

    /// <summary>Who checks tokens.</summary>
    public required IAuthenticator Authenticator { get; init; }

    /// <summary>Tokens that are not believed any more, shared with <see cref="Authenticator"/>; null = its own.</summary>
    public Revocations? Revocations { get; init; }

    /// <summary>Where sleeping channels rest.</summary>
    public required IChannelArchive Archive { get; init; }

    /// <summary>For durable namespaces.</summary>
    public ChannelJournals Journals { get; init; } = new();

    /// <summary>Unpredictable bits for client, session and message ids.</summary>
    public required Func<ulong> RandomBits { get; init; }

    /// <summary>Where failures of actors are written.</summary>
    public required ILoggerFactory Loggers { get; init; }

    /// <summary>The way to agents outside; null = <see cref="EchoAgent"/>.</summary>
    public IAgentGateway? AgentGateway { get; init; }

    /// <summary>The other nodes; null = this one has all channels.</summary>
    public ClusterParts? Cluster { get; init; }

    /// <summary>Where everything is counted; null = nowhere that anybody sees.</summary>
    public RelayMetrics? Metrics { get; init; }

    /// <summary>Who may connect and publish how much, as the doors ask it; null = nothing is bounded and no load is measured.</summary>
    public NodeLimits? Limits { get; init; }

    /// <summary>Clock, dispatcher, randomness.</summary>
    public ActorSystemOptions Kernel { get; init; } = new();
}

/// <summary>
/// The relay of one node: all actors and the ways into them, in the order of a message's way. Thread-safe.
/// </summary>
public sealed partial class RelaySystem : IConnectionFactory
{
    /// <summary>Messages a replica puts aside during one long fan-out; far beyond what publishers may have in flight and clients may ask meanwhile.</summary>
    private const int ReplicaStash = 1_000_000;

    /// <summary>Messages a durable channel puts aside while it reads its journal.</summary>
    private const int ChannelStash = 100_000;

    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Beyond what the bridge takes to answer in any case; for the time when there is no bridge any more.</summary>
    private static readonly TimeSpan DeliverTimeout = TimeSpan.FromSeconds(30);

    /// <summary>For connections that do not close by themselves.</summary>
    private static readonly TimeSpan LongestClose = TimeSpan.FromSeconds(5);

    /// <summary>For what other nodes and the store answer at once, if they answer.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    /// <summary>More would only part the memory for what is remembered of deliveries into smaller pieces.</summary>
    private const int MostStripes = 8;

    private readonly PatternTable _patterns = new();
    private readonly RelayParts _parts;
    private readonly ActorSystem _system;
    private readonly ILogger _log;
    private readonly ConnectionServices _connections;
    private readonly ClientMetrics? _clientMetrics;
    private readonly ChannelMetrics _channelMetrics;
    private readonly RelayCluster? _cluster;
    private readonly LoadWatch? _load;
    private readonly WireEncoding?[] _encodings = new WireEncoding?[WireEncoding.MaxSlots];

    /// <summary>Starts everything; no client comes before <see cref="Open"/>.</summary>
    public RelaySystem(RelayParts parts)
    {
        _parts = parts;
        _log = parts.Loggers.CreateLogger("Relay.Actors");
        _system = ActorSystem.Create("relay", parts.Kernel);
        _system.EventStream.Subscribe<ActorFailed>(failed => LogActorFailed(failed.Exception, failed.Path.ToString(), failed.Directive.ToString()));

        var settings = parts.Settings;
        var time = parts.Kernel.Time;
        _clientMetrics = parts.Metrics?.Clients;
        _channelMetrics = parts.Metrics?.Channels ?? ChannelMetrics.Unseen;
        var patterns = _patterns;
        Deliveries = new DeliveryLog(settings.ExplainBytes, Math.Min(Environment.ProcessorCount, MostStripes));
        Revocations = parts.Revocations ?? new Revocations(time);
        if (parts.Cluster is { } cluster)
        {
            _cluster = new RelayCluster(_system, parts, cluster, patterns, () => Connections.Count);
            Connections.NumberFrom((long)(cluster.Incarnation & int.MaxValue) << 32);
        }

        IActorRef? channels = null;

        // Metrics and agents publish on channels, and channels count for the one and tell the other: the one circle, closed by name.
        var figures = new KeyFigures();
        HookPeers? hookPeers = null;
        if (_cluster is not null)
        {
            figures.Share();
            hookPeers = new HookPeers();
            _news = new NodeNews(figures, Connections, Sessions, time);
            _questions = new NodeQuestions(AnswerAsync, time);
            _cluster.Talk = new NodeTalk(_news, _questions, hookPeers, new RevocationPeers(Revocations));
        }

        _system.ActorOf(Props.Create(() => new MetricsActor(figures, settings, time, Sessions, () => channels!, Ownership, _news)), "metrics");
        var hooks = _system.ActorOf(Props.Create(() => new HookMonitor(time, hookPeers)), "hooks");
        hookPeers?.Monitor = hooks;
        var agent = _system.ActorOf(AgentProps(() => channels!), "agent");
        var channelServices = new ChannelServices(parts.Live, time, _system.CreateRandom(), parts.Archive, figures, hooks, patterns)
        {
            Journals = parts.Journals,
            JournalReports = new JournalReports(parts.Journals.Metrics, parts.Loggers, time),
            Ownership = _cluster?.Served,
            Metrics = _channelMetrics,
            Deliveries = Deliveries,
        };
        var sessionServices = new SessionServices(channelServices, agent, Sessions, parts.RandomBits) { AsksAgain = parts.AgentGateway is null };
        channels = _cluster?.StartChannels(ChannelProps(channelServices, sessionServices), KeepState)
            ?? ShardRegion.Start(_system, "channels", ChannelProps(channelServices, sessionServices), options: KeepState);
        if (settings.For("hooks").Durability != Durability.Memory)
        {
            hooks.Tell(new HooksStored(channels));
        }

        if (settings.For(ChannelName.Sessions).Durability == Durability.Memory)
        {
            Sessions.MarkComplete();
        }

        var replicaServices = new ReplicaServices(parts.Live, time, channels, Channels, patterns) { Peers = _cluster?.Patterns, Node = _cluster?.View.Self.ToString(), Metrics = _channelMetrics, Deliveries = Deliveries };
        var replicas = ShardRegion.Start(_system, "replicas", ReplicaProps(replicaServices), options: KeepState);
        var agentServices = new AgentServices(time) { Others = _cluster?.Agents };
        var agents = ShardRegion.Start(_system, "agents", _ => Props.Create(() => new AgentActor(agentServices)), options: KeepState);
        _cluster?.Remember(agents, agentServices);
        Region = channels;
        Replicas = replicas;
        Bridge = _system.ActorOf(Props.Create(() => new BridgeActor("bridge", channels)), "bridge");
        var connections = new ConnectionServices
        {
            Live = parts.Live,
            Time = time,
            Channels = channels,
            Replicas = replicas,
            Agents = agents,
            HookMonitor = hooks,
            Registry = Connections,
            Tokens = new SessionTokens(parts.RandomBits),
            Sessions = new SessionStore(settings.SessionResumeWindow, time),
            Authenticator = parts.Authenticator,
            Access = new AccessRules(channel => parts.Live.Current.For(channel), parts.Authenticator),
            Revocations = Revocations,
            RandomBits = parts.RandomBits,
            News = _news,
            Figures = _news is null ? null : figures,
            Metrics = _channelMetrics,
            Deliveries = Deliveries,
            Limits = parts.Limits ?? new NodeLimits(RelayLimits.None, time, _log),
        };
        _connections = _cluster?.StartConnections(connections) ?? connections;
        _system.ActorOf(Props.Create(() => new KeepAlive(_connections)), "keep-alive");
        _load = parts.Limits is { } limits ? new LoadWatch(_system, limits, time) : null;
        if (parts.Metrics is { } metrics)
        {
            metrics.Clients.Show(Connections, connections.Sessions, time);
            ActorMetrics.Show(metrics.Actors, _system);
        }
    }

    /// <summary>Entities hold state and promises to others: a failed message is logged and the entity goes on.</summary>
    private static ShardRegionOptions KeepState => new()
    {
        EntityStrategy = new OneForOneStrategy(static _ => Directive.Resume),

        // What comes for an entity while it passivates: a lost request would hold its connection up for ever, so there is room for a whole reconnect storm.
        BufferCapacity = 100_000,
    };

    /// <summary>Open connections.</summary>
    public ConnectionRegistry Connections { get; } = new();

    /// <summary>Subscribers by channel.</summary>
    public ChannelDirectory Channels { get; } = new();

    /// <summary>Chat sessions.</summary>
    public SessionDirectory Sessions { get; } = new();

    /// <summary>Tokens that are not believed any more, on no node of the cluster.</summary>
    public Revocations Revocations { get; }

    /// <summary>What is remembered of deliveries.</summary>
    public DeliveryLog Deliveries { get; }

    /// <summary>Counters of the kernel.</summary>
    public ActorSystemStatistics Statistics => _system.Statistics;

    internal IActorRef Region { get; }

    internal IActorRef Replicas { get; }

    internal IActorRef Bridge { get; }

    /// <inheritdoc/>
    public IMessageHandler Open(ConnectionRequest request, ITransport transport)
    {
        var connection = new ClientConnection(
            Connections.NextId(),
            "ws_" + _parts.RandomBits().ToString("x16"),
            request,
            EncodingOf(request),
            transport,
            _connections.Time,
            request.Dialect.Profile.IsNative ? _parts.Settings.UnsentBytes : _parts.Settings.UnsentBytesWithoutResume)
        {
            OpenedMicros = _connections.Time.NowMicros(),
            Deliveries = Deliveries,
            Limits = _connections.Limits,
        };
        connection.Start(_system.ActorOf(Props.Create(() => ConnectionActor.Create(connection, _connections))));
        return connection;
    }

    /// <summary>Publishes to one channel for a service; completes when the channel accepted.</summary>
    /// <exception cref="AskTimeoutException">The channel did not answer in time.</exception>
    public async Task<PublishReply> PublishAsync(string channel, PublishItem[] items, string scope, CancellationToken cancellationToken)
    {
        var sentAt = _connections.Time.GetTimestamp();
        var reply = await Region.Ask<PublishReply>(
            new PublishBatch { Channel = channel, Items = items, Scope = scope, WantsReply = true }, AskTimeout, cancellationToken);
        _channelMetrics.For(channel).Answered(_connections.Time.GetElapsedTime(sentAt));
        Deliveries.NotAccepted(reply, scope, _connections.Time.NowMicros());
        return reply;
    }

    /// <summary>Brings messages from outside to their channels in order; completes when all are accepted.</summary>
    /// <exception cref="AskTimeoutException">A channel did not answer in time.</exception>
    public Task<BridgeAccepted> BridgeAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken) =>
        Bridge.Ask<BridgeAccepted>(new BridgeBatch(items), AskTimeout, cancellationToken);

    /// <summary>
    /// As <see cref="BridgeAsync"/>, for sources that bring again what was not accepted: it takes longer to fail (21 s at most, a stopped node aside), and says what is open.
    /// </summary>
    /// <exception cref="BridgeUnfinishedException">Some messages are not accepted by all of their channels.</exception>
    /// <exception cref="BridgeOverloadedException">Nothing was taken.</exception>
    /// <exception cref="BridgeRefusedException">Nothing is known of the batch.</exception>
    /// <exception cref="TimeoutException">Nothing is known of the batch: the relay has stopped.</exception>
    public Task<BridgeAccepted> DeliverAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken)
    {
        var isInline = _parts.Kernel.Dispatcher is { InlineContinuations: true };
        var answer = new BridgeTask(isInline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        Bridge.Tell(new BridgeBatch(items) { Answer = answer });
        return answer.Outcome.WaitAsync(DeliverTimeout, _parts.Kernel.Time, cancellationToken);
    }

    /// <summary>As <see cref="BridgeAsync"/> without a task: the batch's <see cref="BridgeBatch.Answer"/> is told, within 11 s and in the bridge's turn.</summary>
    public void TellBridge(BridgeBatch batch) => Bridge.Tell(batch);

    /// <summary>Asks a channel for stored events; it may be refused.</summary>
    public Task<HistoryReply> HistoryAsync(string channel, HistoryQuery query, CancellationToken cancellationToken) =>
        Region.Ask<HistoryReply>(new ShardEnvelope(channel, query with { MayBeRefused = true }), AskTimeout, cancellationToken);

    /// <summary>Asks who is present on a channel, on whichever node.</summary>
    /// <exception cref="AskTimeoutException">The channel's replica did not answer in time.</exception>
    public Task<PresenceList> PresenceAsync(string channel, CancellationToken cancellationToken) =>
        Replicas.Ask<PresenceList>(new ShardEnvelope(channel, new PresenceListQuery()), AskTimeout, cancellationToken);

    /// <summary>Asks a chat session; the answer is one of the messages that <paramref name="question"/>'s summary names.</summary>
    public Task<object> SessionAsync(string sessionId, object question, TimeSpan timeout, CancellationToken cancellationToken) =>
        Region.Ask<object>(new ShardEnvelope(ChannelName.Session(sessionId), question), timeout, cancellationToken);

    /// <summary>Makes the actor of a stored session live; true when it does, or when there is no such session.</summary>
    /// <exception cref="AskTimeoutException">It did not answer in time.</exception>
    public async Task<bool> WakeSessionAsync(string channel, CancellationToken cancellationToken) =>
        await Region.Ask<object>(new ShardEnvelope(channel, new WakeSession()), AskTimeout, cancellationToken) is SessionWoken;

    /// <summary>Tells where the hooks listener is bound, for <c>system.status</c>.</summary>
    public void ShowHooksAddress(string host, int port) => _connections.HookMonitor.Tell(new HooksAddress(host, port));

    /// <summary>Unconfirmed deliveries to <c>context</c> clients of this node.</summary>
    public async Task<int> CountPendingDeliveriesAsync(CancellationToken cancellationToken)
    {
        var channels = Channels.Counts(DialectKind.Context).Keys;
        var stats = await Task.WhenAll(channels.Select(channel =>
            Replicas.Ask<ReplicaStats>(new ShardEnvelope(channel, new ReplicaStatsQuery()), AskTimeout, cancellationToken)));
        return stats.Sum(static replica => replica.PendingDeliveries);
    }

    /// <summary>Tells every client that the node leaves (1001, native clients 1012) and waits until they are gone or the time is over.</summary>
    public async Task CloseConnectionsAsync(TimeSpan timeout)
    {
        Connections.IsLeaving = true;

        // Who comes meanwhile enters the registry and then looks at the mark (ConnectionActor): the walk must not look before it is seen.
        Interlocked.MemoryBarrier();
        foreach (var connection in Connections.All)
        {
            Goodbye.Say(connection, _connections.Time.NowMicros());
        }

        var until = _connections.Time.GetTimestamp();
        while (Connections.Count > 0 && _connections.Time.GetElapsedTime(until) < timeout)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), _connections.Time);
        }
    }

    /// <summary>
    /// Leaves: the channels go to other nodes first, so that clients that are sent away find them where they come to; then the clients, each at its own instant and served until then; then
    /// what they may come back to; the membership last. Alone, with or without a cluster, there is nowhere to go: see <see cref="CloseConnectionsAsync"/>.
    /// </summary>
    /// <param name="time">For everything but what is answered at once or never.</param>
    public async Task LeaveAsync(TimeSpan time)
    {
        var began = _connections.Time.GetTimestamp();
        if (_cluster is not null)
        {
            await _cluster.HandOverAsync(Least(time / 2));
            if (_cluster.HasOthers)
            {
                await _cluster.SendAwayAsync(Positive(Left() - Farewell));
                await _cluster.HandSessionsAsync(Least(Farewell));
            }
        }

        await CloseConnectionsAsync(Left() < LongestClose ? Left() : LongestClose);
        if (_cluster is not null)
        {
            await _cluster.LeaveAsync(Least(Left()));
        }

        TimeSpan Left() => Positive(time - _connections.Time.GetElapsedTime(began));
        static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
        static TimeSpan Least(TimeSpan wanted) => wanted > Farewell ? wanted : Farewell;
    }

    /// <summary>Which channels this node has; null = all.</summary>
    public IShardOwnership? Ownership => _cluster?.Served;

    /// <summary>The cluster as this node sees it; null when it is alone.</summary>
    public RelayCluster? Cluster => _cluster;

    /// <summary>Ends all actors.</summary>
    public async Task<bool> StopAsync(TimeSpan timeout)
    {
        _load?.Dispose();
        var isStopped = await _system.TerminateAsync(timeout);
        if (_cluster is not null)
        {
            await _cluster.StopAsync();
        }

        return isStopped;
    }

    // One recipe for all channels: a closure for each would be a tenth of what an idle channel costs.
    private static Func<string, Props> ChannelProps(ChannelServices channels, SessionServices sessions)
    {
        var channel = Props.Create(() => new ChannelActor(channels)).WithStashCapacity(ChannelStash);
        return name => ChannelName.IsIn(name, ChannelName.Sessions) ? Props.Create(() => new SessionActor(name, sessions)).WithStashCapacity(ChannelStash) : channel;
    }

    private static Func<string, Props> ReplicaProps(ReplicaServices services)
    {
        var replica = Props.Create(() => new ChannelReplica(services)).WithStashCapacity(ReplicaStash);
        return name => PatternReplica.PatternOf(name) is { } pattern
            ? Props.Create(() => new PatternReplica(pattern, services)).WithStashCapacity(ReplicaStash)
            : replica;
    }

    private Props AgentProps(Func<IActorRef> channels) => _parts.AgentGateway is { } gateway
        ? Props.Create(() => new GatewayAgent(gateway, channels, _parts.Settings, _parts.Kernel.Time, _log))
        : Props.Create(() => new EchoAgent(channels, _parts.Settings));

    private WireEncoding EncodingOf(ConnectionRequest request)
    {
        var slot = ((int)request.Dialect.Profile.Kind * 2) + (request.Deflate ? 1 : 0);
        return Volatile.Read(ref _encodings[slot])
            ?? Interlocked.CompareExchange(ref _encodings[slot], NewEncoding(request), null)
            ?? _encodings[slot]!;
    }

    private WireEncoding NewEncoding(ConnectionRequest request) => new(request.Dialect, request.Deflate, _parts.Settings.CompressionThreshold)
    {
        Traffic = _clientMetrics?.NewTraffic(request.Dialect.Profile.Name) ?? new ClientTraffic(),
    };

    [LoggerMessage(EventId = 100, Level = LogLevel.Error, Message = "Actor {Path} failed; {Directive}")]
    private partial void LogActorFailed(Exception exception, string path, string directive);
}
