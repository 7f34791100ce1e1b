using System.Reflection;
using System.Text.Json;
using Relay.Actors;
using Relay.Node.Health;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>What this node says of itself, and of the shards it holds. Read from what is there: it may be asked every second.</summary>
internal sealed class NodeVerb(RelaySystem relay, HealthState health, ConnectionGate gate, DrainKeeper drain, TimeProvider time) : INodeVerbs
{
    public const string About = "node";
    public const string Shards = "shards.held";

    private static readonly string Version = typeof(NodeVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
    private static readonly TimeSpan ShardsTimeout = TimeSpan.FromSeconds(1);

    private readonly long _startedMicros = time.NowMicros();

    public async Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => verb switch
    {
        About => AdminJson.Of(Write),
        Shards => await HeldAsync(),
        _ => null,
    };

    private void Write(Utf8JsonWriter json)
    {
        json.WriteString("version", Version);
        json.WriteTime("started_at", _startedMicros);
        json.WriteString("drain", drain.State);
        json.WriteNumber("connections", relay.Connections.Count);
        json.WriteStartObject("connections_by_dialect");
        foreach (var kind in Enum.GetValues<DialectKind>())
        {
            if (relay.Connections.CountOf(kind) is > 0 and var count)
            {
                json.WriteNumber(Dialects.ByKind(kind).Profile.Name, count);
            }
        }

        json.WriteEndObject();
        json.WriteNumber("connection_limit", gate.Limit);
        json.WriteNumber("channels", relay.Channels.Count);
        if (relay.Cluster is { } cluster)
        {
            var status = cluster.View.Status;
            json.WriteNumber("shards", status.Held);
            json.WriteNumber("shards_moving", status.Moving);
            json.WriteBoolean("trusted", status.IsTrusted);
        }

        json.WriteNumber("memory_bytes", Environment.WorkingSet);
        json.WriteNumber("cpu_seconds", Math.Round(Environment.CpuUsage.TotalTime.TotalSeconds, 2));
        json.WriteStartObject("explain");
        json.WriteNumber("messages", relay.Deliveries.Messages);
        json.WriteNumber("bytes", relay.Deliveries.Bytes);
        json.WriteNumber("max_bytes", relay.Deliveries.MaxBytes);
        json.WriteEndObject();
        var readiness = HealthEndpoints.Describe(health);
        json.WriteBoolean("ready", readiness.Reasons.Count == 0 && readiness.Parts.Count > 0);
        Write(json, "reasons", readiness.Reasons);
        Write(json, "impaired", readiness.Impaired);
    }

    private async Task<byte[]> HeldAsync()
    {
        var seen = relay.Cluster is { } cluster ? await cluster.SeeShardsAsync(ShardsTimeout) : null;
        return AdminJson.Of(json =>
        {
            json.WriteStartArray("held");
            foreach (var shard in seen?.Shards.Where(static one => one.Phase is not null) ?? [])
            {
                json.WriteStartObject();
                json.WriteNumber("shard", shard.Shard);
                json.WriteNumber("fence", shard.Fence);
                json.WriteString("state", shard.Phase);
                json.WriteText("to", shard.To?.Name);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string> parts)
    {
        json.WriteStartObject(name);
        foreach (var (part, reason) in parts)
        {
            json.WriteString(part, reason);
        }

        json.WriteEndObject();
    }
}
