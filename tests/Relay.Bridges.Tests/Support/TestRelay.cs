using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Relay.Actors;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Actors.Connections;
using Relay.Protocol;
using Relay.Storage;
using Relay.Testing;

namespace Relay.Bridges.Tests.Support;

/// <summary>A whole relay in this process, without listeners, with the services for bridges.</summary>
internal sealed class TestRelay : IAsyncDisposable
{
    private readonly Meter _meter = new(BridgeMetrics.MeterName);

    public TestRelay(BridgePublisher? publish = null)
    {
        System = new RelaySystem(new RelayParts
        {
            Live = new RelaySettings(),
            Authenticator = new NobodyAuthenticator(),
            Archive = new MemoryChannelArchive(1000),
            RandomBits = static () => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
            Loggers = Log,
        });
        Sums = new CounterSums(_meter);
        Action<BridgeBatch> tell = publish is null ? System.TellBridge : new TellPublisher(publish).Tell;
        Services = new BridgeServices(publish ?? System.DeliverAsync, Log, _meter, TimeProvider.System, new Random(1), tell);
    }

    public RelaySystem System { get; }

    public LogLines Log { get; } = new();

    public CounterSums Sums { get; }

    public BridgeServices Services { get; }

    /// <summary>An <c>updates</c> client of this user, subscribed.</summary>
    public async Task<TestClient> OpenAsync(string user)
    {
        var client = new TestClient();
        System.Open(Request(DialectKind.Updates) with { UserId = user }, client);
        await ProbeAsync(client, ChannelName.User(user));
        return client;
    }

    /// <summary>A <c>context</c> client, which hears <c>global</c>; its greeting is its first message.</summary>
    public async Task<TestClient> OpenContextAsync()
    {
        var client = new TestClient();
        System.Open(Request(DialectKind.Context), client);
        await ProbeAsync(client, ChannelName.Global);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await System.StopAsync(TimeSpan.FromSeconds(30));
        Sums.Dispose();
        _meter.Dispose();
    }

    private static ConnectionRequest Request(DialectKind kind) => new() { Dialect = Dialects.ByKind(kind), Listener = "main", RemoteAddress = "test" };

    // A subscription is asked for when the client opens and takes effect when its channel has seen it.
    private async Task ProbeAsync(TestClient client, string channel)
    {
        PublishItem[] probe = [new() { Event = TestClient.Probe, Data = "{}"u8.ToArray(), Transient = true }];
        while (!client.Probed.IsCompleted)
            await System.PublishAsync(channel, probe, "", CancellationToken.None);
    }

    private sealed class NobodyAuthenticator : IAuthenticator
    {
        public bool IsRequired => false;

        public Principal? Verify(string credential) => null;
    }
}
