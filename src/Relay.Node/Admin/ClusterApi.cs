using System.Globalization;
using System.Text.Json;
using Relay.Actors;
using Relay.Cluster.Engine;
using Relay.Node.Http;

namespace Relay.Node.Admin;

/// <summary>
/// <c>GET /api/v1/nodes</c>, <c>/api/v1/nodes/{id}</c>, <c>POST /api/v1/nodes/{id}/drain</c> and <c>undrain</c>, <c>GET /api/v1/shards</c>, <c>POST /api/v1/shards/{shard}/move</c>,
/// <c>DELETE /api/v1/shards/{shard}/pin</c>.
/// </summary>
internal sealed class ClusterApi(AdminDoor door, NodeAsker nodes, AuditLog audit, RelaySystem relay, ShardPinKeeper pins)
{
    private static readonly TimeSpan ShardsTimeout = TimeSpan.FromSeconds(2);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/nodes", NodesAsync);
        routes.MapGet("/api/v1/nodes/{id}", NodeAsync);
        routes.MapPost("/api/v1/nodes/{id}/drain", context => DrainAsync(context, DrainVerbs.Drain));
        routes.MapPost("/api/v1/nodes/{id}/undrain", context => DrainAsync(context, DrainVerbs.Undrain));
        routes.MapGet("/api/v1/shards", ShardsAsync);
        routes.MapPost("/api/v1/shards/{shard}/move", MoveAsync);
        routes.MapDelete("/api/v1/shards/{shard}/pin", UnpinAsync);
    }

    private IReadOnlyList<Member> Members => [.. (relay.Cluster?.View.Status.Members ?? []).OrderBy(static member => member.Node.Name, StringComparer.Ordinal)];

    private async Task NodesAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var said = await nodes.AskAllAsync(context, NodeVerb.About, static _ => { });
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("nodes");
            foreach (var name in Names(said))
            {
                json.WriteStartObject();
                Write(json, name, said);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            said.WriteMissing(json);
        });
    }

    private async Task NodeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await KnownAsync(context) is not { } name)
        {
            return;
        }

        var said = await nodes.AskOneAsync(context, name, NodeVerb.About, static _ => { });
        await context.JsonAsync(StatusCodes.Status200OK, json => Write(json, name, said));
    }

    // A member that does not answer is shown as the cluster's store knows it.
    private void Write(Utf8JsonWriter json, string name, NodesSay said)
    {
        var member = Members.FirstOrDefault(one => one.Node.Name == name);
        var answer = said.Said.FirstOrDefault(one => one.Node == name)?.Json;
        json.WriteString("node", name);
        json.WriteBoolean("asked", name == relay.NodeName);
        json.WriteString("state", member?.State.ToString().ToLowerInvariant() ?? (relay.Cluster is null ? "alone" : "joining"));
        json.WriteText("incarnation", member?.Node.Incarnation.ToString("x16", CultureInfo.InvariantCulture));
        json.WriteText("address", member?.Address);
        if (member is not null)
        {
            // Connections, as told with its last heartbeat; others choose by it where clients are sent.
            json.WriteNumber("load", member.Load);
        }

        json.WriteBoolean("answers", answer is not null);
        if (answer is { } members)
        {
            foreach (var one in members.EnumerateObject())
            {
                one.WriteTo(json);
            }
        }
        else
        {
            json.WriteText("version", member?.ProgramVersion);
        }
    }

    private async Task DrainAsync(HttpContext context, string verb)
    {
        if (!await door.AdmitAsync(context) || await KnownAsync(context) is not { } name || await context.ReadActAsync() is not { } body)
        {
            return;
        }

        var said = await nodes.AskOneAsync(context, name, verb, json => json.WriteBoolean("keep_clients", body.FlagOf("keep_clients")));
        var refusal = said.Said.Count == 0 ? (AdminAnswers.Unavailable, $"Node {name} did not answer: whether it does so is not known") : AdminAnswers.RefusalOf(said.Said[0].Json);
        audit.Note(context, verb, "node " + name, refusal?.Item1 ?? AdminAnswers.Done, refusal?.Item2 ?? "");
        await (refusal is var (code, text)
            ? context.RefuseActAsync(code, text)
            : context.JsonAsync(StatusCodes.Status202Accepted, json =>
            {
                json.WriteBoolean("success", true);
                json.WriteString("node", name);
                json.WriteString("drain", said.Said[0].Json.TextOf("drain"));
            }));
    }

    private async Task ShardsAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var asked = nodes.AskAllAsync(context, NodeVerb.Shards, static _ => { });
        var seen = relay.Cluster is { } cluster ? await cluster.SeeShardsAsync(ShardsTimeout) : null;
        var said = await asked;
        var held = said.Said.SelectMany(static one => one.Json.ListOf("held").Select(shard => (one.Node, Shard: shard))).ToLookup(static one => (int)(one.Shard.NumberOf("shard") ?? -1));
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteText("epoch", seen?.Epoch);
            json.WriteStartArray("shards");
            foreach (var shard in seen?.Shards ?? [])
            {
                // Of two that say they hold it, the higher fence is the newer.
                var (node, holder) = held[shard.Shard].OrderByDescending(static one => one.Shard.NumberOf("fence")).FirstOrDefault();
                json.WriteStartObject();
                json.WriteNumber("shard", shard.Shard);
                json.WriteText("owner", node ?? shard.Owner?.Name);
                json.WriteString("state", node is null ? (shard.Owner is null ? "free" : "unknown") : holder.TextOf("state"));
                json.WriteNumber("fence", node is null ? shard.Fence : holder.NumberOf("fence") ?? 0);
                json.WriteText("to", node is null ? null : holder.TextOf("to"));
                json.WriteText("pinned_to", InForce(shard.Shard));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            said.WriteMissing(json);
        });
    }

    private async Task MoveAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await ShardAsync(context) is not { } shard || await context.ReadActAsync() is not { } body)
        {
            return;
        }

        var name = body.TextOf("to");
        var member = Members.FirstOrDefault(one => one.Node.Name == name);
        var (code, text) = member switch
        {
            null when string.IsNullOrEmpty(name) => (AdminAnswers.Invalid, "to must be the name of a node"),
            null => (AdminAnswers.NotFound, $"There is no node '{name}' in the cluster; there are {string.Join(", ", Members.Select(static one => one.Node.Name))}"),
            { State: not MemberState.Up } => (AdminAnswers.Conflict, $"Node {name} is {member.State.ToString().ToLowerInvariant()}: only one that is up takes shards"),
            _ => (AdminAnswers.Done, ""),
        };
        if (code == AdminAnswers.Done)
        {
            await pins.SetAsync(shard, member!.Node, ApiGuard.ScopeOf(context), context.RequestAborted);
        }

        audit.Note(context, "move", $"shard {shard}", code, code == AdminAnswers.Done ? "to " + name : text);
        await (code != AdminAnswers.Done ? context.RefuseActAsync(code, text) : PinnedAsync(context, shard, name));
    }

    private async Task UnpinAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await ShardAsync(context) is not { } shard)
        {
            return;
        }

        if (pins.Of(shard) is null)
        {
            await context.RefuseActAsync(AdminAnswers.NotFound, $"Shard {shard} is not pinned");
            return;
        }

        await pins.SetAsync(shard, null, ApiGuard.ScopeOf(context), context.RequestAborted);
        audit.Note(context, "unpin", $"shard {shard}", AdminAnswers.Done);
        await PinnedAsync(context, shard, null);
    }

    private static Task PinnedAsync(HttpContext context, int shard, string? to) => context.JsonAsync(StatusCodes.Status202Accepted, json =>
    {
        json.WriteBoolean("success", true);
        json.WriteNumber("shard", shard);
        json.WriteText("pinned_to", to);
    });

    // A pin ends with its node.
    private string? InForce(int shard) => pins.Of(shard) is { To: { } to } && Members.Any(member => member.Node == to) ? to.Name : null;

    private async Task<string?> KnownAsync(HttpContext context)
    {
        var name = (string)context.Request.RouteValues["id"]!;
        if (name == relay.NodeName || Members.Any(member => member.Node.Name == name))
        {
            return name;
        }

        await context.RefuseActAsync(AdminAnswers.NotFound, $"There is no node '{name}'; there are {string.Join(", ", Members.Select(static one => one.Node.Name).DefaultIfEmpty(relay.NodeName))}");
        return null;
    }

    private async Task<int?> ShardAsync(HttpContext context)
    {
        if (relay.Cluster is not { } cluster)
        {
            await context.RefuseActAsync(AdminAnswers.Conflict, "This node is no part of a cluster (Relay:Cluster:Enabled), and has no shards to move");
            return null;
        }

        if (int.TryParse((string)context.Request.RouteValues["shard"]!, NumberStyles.None, CultureInfo.InvariantCulture, out var shard) && shard < cluster.Shards)
        {
            return shard;
        }

        await context.RefuseActAsync(AdminAnswers.NotFound, $"There is no such shard; they are numbered 0 to {cluster.Shards - 1}");
        return null;
    }

    private IEnumerable<string> Names(NodesSay said) =>
        Members.Select(static member => member.Node.Name).Concat(said.Said.Select(static one => one.Node)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
}
