using System.Text;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>
/// A whole relay on one thread: virtual time, a schedule chosen by the seed, clients in memory. <see cref="Settle"/> runs everything that can run.
/// </summary>
internal sealed class RelayHarness : IDisposable
{
    private readonly TurnContext _turns = new();
    private readonly SynchronizationContext? _before = SynchronizationContext.Current;
    private readonly Random _bits;

    public RelayHarness(
        int seed = 1, RelaySettings? settings = null, int throughput = 4, Agents.IAgentGateway? gateway = null, Func<RelayParts, RelayParts>? configure = null)
    {
        SynchronizationContext.SetSynchronizationContext(_turns);
        _bits = new Random(seed);
        Dispatcher = new DeterministicDispatcher(seed);
        Time = new ManualTime { Settle = Settle };
        var parts = new RelayParts
        {
            Live = settings ?? new RelaySettings(),
            Authenticator = Authenticator,
            Archive = Archive,
            RandomBits = () => (ulong)_bits.NextInt64(1, long.MaxValue),
            Loggers = Log,
            AgentGateway = gateway,
            Kernel = new ActorSystemOptions { Time = Time, Dispatcher = Dispatcher, Random = new Random(seed), Throughput = throughput },
        };
        Relay = new RelaySystem(configure?.Invoke(parts) ?? parts);
        Settle();
    }

    public RelaySystem Relay { get; }

    public ManualTime Time { get; }

    public DeterministicDispatcher Dispatcher { get; }

    public FakeAuthenticator Authenticator { get; } = new();

    public FakeArchive Archive { get; } = new();

    public RecordingLog Log { get; } = new();

    public List<FakeClient> Clients { get; } = [];

    /// <summary>True while a test provokes failures of actors on purpose.</summary>
    public bool ExpectsFailures { get; set; }

    public FakeClient Connect(DialectKind kind, Func<ConnectionRequest, ConnectionRequest>? configure = null, FakeTransport? transport = null, bool settle = true)
    {
        var request = new ConnectionRequest { Dialect = Protocol.Dialects.ByKind(kind), Listener = "test", RemoteAddress = "127.0.0.1:1" };
        request = configure?.Invoke(request) ?? request;
        transport ??= new FakeTransport();
        var client = new FakeClient((ClientConnection)Relay.Open(request, transport), transport, request);
        Clients.Add(client);
        if (settle)
        {
            Settle();
        }

        return client;
    }

    /// <summary>One turn, one posted continuation or one read, as <paramref name="random"/> chooses; false when nothing can run.</summary>
    public bool Step(Random random)
    {
        if (!_turns.IsIdle && random.Next(3) == 0)
        {
            return _turns.RunOne();
        }

        if (random.Next(4) == 0 && Clients.Count > 0 && Clients[random.Next(Clients.Count)].Pump())
        {
            return true;
        }

        return Dispatcher.RunOne() || _turns.RunOne() || Clients.Exists(static client => client.Pump());
    }

    /// <summary>Runs until nothing can run: the clients read, their pongs come back, sockets that were told to end are gone.</summary>
    public void Settle()
    {
        bool ran;
        do
        {
            ran = Dispatcher.RunUntilIdle() > 0;
            while (_turns.RunOne())
            {
                ran = true;
            }

            for (var i = 0; i < Clients.Count; i++)
            {
                ran |= Clients[i].Pump();
            }
        }
        while (ran);
    }

    public void Advance(double seconds) => Time.Advance(TimeSpan.FromSeconds(seconds));

    public T Await<T>(Task<T> task)
    {
        Settle();
        Assert.True(task.IsCompleted, "The relay is idle and the task has not ended");
        return task.GetAwaiter().GetResult();
    }

    public PublishReply Publish(string channel, string name, string data = "", string scope = "", string? id = null) => Await(Relay.PublishAsync(
        channel, [new PublishItem { Event = name, Data = Encoding.UTF8.GetBytes(data), IdempotencyKey = id }], scope, CancellationToken.None));

    /// <summary>A worker's message, as the Redis bridge brings it.</summary>
    public BridgeAccepted Bridge(params string[] envelopes) =>
        Await(Relay.BridgeAsync([.. envelopes.Select(ItemOf)], CancellationToken.None));

    public HistoryReply History(string channel, HistoryQuery? query = null) =>
        Await(Relay.HistoryAsync(channel, query ?? new HistoryQuery(), CancellationToken.None));

    public static BridgeItem ItemOf(string json)
    {
        Assert.True(UpdatesEnvelope.TryParse(Encoding.UTF8.GetBytes(json), out var envelope, out var fault), fault.ToString());
        var item = new PublishItem
        {
            Event = envelope.Type,
            Data = envelope.Payload,
            Raw = envelope.Raw,
            RawFormat = RawFormat.Updates,
            IdempotencyKey = envelope.Id,
        };
        return new BridgeItem(envelope.Channels, item);
    }

    public void Dispose()
    {
        var stopped = Relay.StopAsync(Timeout.InfiniteTimeSpan);
        Settle();
        SynchronizationContext.SetSynchronizationContext(_before);
        Assert.True(stopped.IsCompleted, "The relay did not stop");
        Assert.All(Clients, static client => Assert.True(client.IsReaderFree, "A read loop was never released"));
        Assert.All(Clients, static client => Assert.Equal(0, client.Transport.Overlaps));
        if (!ExpectsFailures)
        {
            Assert.True(Log.Lines.Count == 0, string.Join('\n', Log.Lines));
        }
    }
}
