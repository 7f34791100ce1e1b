using System.Text.Json;
using Relay.Actors;
using Relay.Cluster;
using Relay.Cluster.Rules;

namespace Relay.Node.Admin;

/// <summary>
/// Where operators want shards to be, on this node: told to all others at once, and again every other second while there is anything to tell, which is how a node that came later, or was cut off,
/// learns of it. Kept in the nodes' memory only: when all stop at once it is forgotten. Thread-safe.
/// </summary>
internal sealed class ShardPinKeeper(RelaySystem relay, TimeProvider time) : BackgroundService, INodeVerbs
{
    private const string Verb = "shards.pins";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly ShardPins _pins = new();

    /// <summary>Who wants a shard where; null = nobody.</summary>
    public ShardPin? Of(int shard)
    {
        lock (_gate)
        {
            return _pins.Of(shard);
        }
    }

    /// <summary>An operator wants a shard there; null = wherever it belongs.</summary>
    public async Task SetAsync(int shard, NodeId? to, string by, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _pins.Set(shard, to, time.NowMicros(), by);
            relay.Cluster!.Pin(_pins.InForce);
        }

        await TellAsync(cancellationToken);
    }

    public Task<byte[]?> AnswerAsync(string verb, JsonElement arguments)
    {
        if (verb != Verb)
        {
            return Task.FromResult<byte[]?>(null);
        }

        lock (_gate)
        {
            var isNews = false;
            foreach (var pin in arguments.ListOf("pins"))
            {
                if (pin.NumberOf("shard") is { } shard && pin.NumberOf("version") is { } version)
                {
                    isNews |= _pins.TryTake(new ShardPin((int)shard, NodeId.TryParse(pin.TextOf("to"), out var to) ? to : null, version, pin.TextOf("by") ?? ""));
                }
            }

            if (isNews)
            {
                relay.Cluster?.Pin(_pins.InForce);
            }
        }

        return Task.FromResult<byte[]?>(AdminJson.Of(static _ => { }));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (relay.Cluster is null)
        {
            return;
        }

        using var ticks = new PeriodicTimer(Interval, time);
        while (await ticks.WaitForNextTickAsync(stoppingToken))
        {
            bool any;
            lock (_gate)
            {
                any = _pins.All.Count > 0;

                // Also for the cluster's actor, which may have begun after the pins came.
                if (any)
                {
                    relay.Cluster.Pin(_pins.InForce);
                }
            }

            if (any)
            {
                await TellAsync(stoppingToken);
            }
        }
    }

    private Task<NodeAnswers> TellAsync(CancellationToken cancellationToken)
    {
        ShardPin[] pins;
        lock (_gate)
        {
            pins = [.. _pins.All];
        }

        var arguments = AdminJson.Of(json =>
        {
            json.WriteStartArray("pins");
            foreach (var pin in pins)
            {
                json.WriteStartObject();
                json.WriteNumber("shard", pin.Shard);
                json.WriteText("to", pin.To?.ToString());
                json.WriteNumber("version", pin.Version);
                json.WriteString("by", pin.By);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
        return relay.AskNodesAsync(Verb, arguments, null, here: false, cancellationToken);
    }
}
