using System.Globalization;
using System.Text;
using System.Text.Json;
using Relay.Node.Http;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Admin;

/// <summary><c>GET /api/v1/connections</c>, <c>/api/v1/connections/{id}</c>, <c>POST /api/v1/disconnect</c>, <c>/api/v1/unsubscribe</c>.</summary>
internal sealed class ConnectionApi(AdminDoor door, NodeAsker nodes, AuditLog audit)
{
    public const int UsualLimit = 100;
    public const int MostLimit = 1000;

    private const int LongestReason = 120;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/connections", ListAsync);
        routes.MapGet("/api/v1/connections/{id}", DescribeAsync);
        routes.MapPost("/api/v1/disconnect", DisconnectAsync);
        routes.MapPost("/api/v1/unsubscribe", UnsubscribeAsync);
    }

    private async Task ListAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var query = context.Request.Query;
        var after = 0L;
        if (!Paging.TryReadLimit(query, UsualLimit, MostLimit, out var limit)
            || (query["after"].ToString() is { Length: > 0 } text && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out after)))
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, $"limit must be 1 to {MostLimit}, and after the next of the page before");
            return;
        }

        var said = await nodes.AskAllAsync(context, ConnectionVerbs.List, json =>
        {
            foreach (var name in ConnectionVerbs.Filters)
            {
                json.WriteText(name, query[name].ToString());
            }

            json.WriteNumber("after", after);
            json.WriteNumber("limit", limit);
        });
        var found = said.Said.SelectMany(static one => one.Json.ListOf("connections")).OrderBy(static one => one.NumberOf("number")).ToList();
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("total", said.Said.Sum(static one => one.Json.NumberOf("total") ?? 0));
            json.WriteStartArray("connections");
            foreach (var connection in found.Take(limit))
            {
                connection.WriteTo(json);
            }

            json.WriteEndArray();
            if (found.Count >= limit)
            {
                json.WriteString("next", (found[limit - 1].NumberOf("number") ?? 0).ToString(CultureInfo.InvariantCulture));
            }

            said.WriteMissing(json);
        });
    }

    private async Task DescribeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var id = (string)context.Request.RouteValues["id"]!;
        var said = await nodes.AskAllAsync(context, ConnectionVerbs.Describe, json => json.WriteString("id", id));
        if (said.Said.Select(static one => one.Json).FirstOrDefault(static one => one.TextOf("connection") is not null) is not { ValueKind: JsonValueKind.Object } found)
        {
            await context.RefuseActAsync(
                AdminAnswers.NotFound, "There is no such connection" + (said.Missing.Count > 0 ? "; these nodes did not answer: " + string.Join(", ", said.Missing) : "; one that has ended: GET /api/v1/explain?connection="));
            return;
        }

        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            foreach (var member in found.EnumerateObject())
            {
                member.WriteTo(json);
            }
        });
    }

    private async Task DisconnectAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await context.ReadActAsync() is not { } body || await TargetAsync(context, body) is not { } target)
        {
            return;
        }

        var code = body.NumberOf("code") ?? CloseCode.Forbidden;
        var reason = body.TextOf("reason") ?? "Disconnected by an operator";
        if (code is not (1000 or 1001 or 1008 or (>= 1011 and <= 1013) or (>= 3000 and <= 4999)) || Encoding.UTF8.GetByteCount(reason) > LongestReason)
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, $"code must be 1000, 1001, 1008, 1011 to 1013 or 3000 to 4999, and reason at most {LongestReason} bytes");
            return;
        }

        await ActAsync(context, "disconnect", target, "disconnected", $"{code} {reason}", ConnectionVerbs.Disconnect, json =>
        {
            json.WriteNumber("code", code);
            json.WriteString("reason", reason);
        });
    }

    private async Task UnsubscribeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await context.ReadActAsync() is not { } body || await TargetAsync(context, body) is not { } target)
        {
            return;
        }

        if (body.TextOf("channel") is not { Length: > 0 } channel || (!ChannelName.TryParse(channel, out _) && !ChannelPattern.TryParse(channel, out _)))
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, "channel must be a channel or pattern, as the connection subscribed to it");
            return;
        }

        await ActAsync(context, "unsubscribe", target, "unsubscribed", channel, ConnectionVerbs.Unsubscribe, json => json.WriteString("channel", channel));
    }

    private static async Task<Target?> TargetAsync(HttpContext context, JsonElement body)
    {
        var target = new Target(body.TextOf("user"), body.TextOf("connection"));
        if (string.IsNullOrEmpty(target.User) == string.IsNullOrEmpty(target.Connection))
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, "The body must be one JSON object with either user or connection, each a text");
            return null;
        }

        return target;
    }

    private async Task ActAsync(HttpContext context, string act, Target target, string counted, string detail, string verb, Action<Utf8JsonWriter> arguments)
    {
        var said = await nodes.AskAllAsync(context, verb, json =>
        {
            json.WriteText("user", target.User);
            json.WriteText("connection", target.Connection);
            arguments(json);
        });
        var count = said.Said.Sum(static one => one.Json.NumberOf("count") ?? 0);
        if (count == 0 && target.Connection is { Length: > 0 })
        {
            audit.Note(context, act, target.ToString(), AdminAnswers.NotFound, detail);
            await context.RefuseActAsync(AdminAnswers.NotFound, act == "disconnect" ? "There is no such open connection" : "There is no such connection, or it is not subscribed to that");
            return;
        }

        audit.Note(context, act, target.ToString(), AdminAnswers.Done, $"{counted} {count}: {detail}");
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteBoolean("success", true);
            json.WriteNumber(counted, count);
            said.WriteMissing(json);
        });
    }

    private sealed record Target(string? User, string? Connection)
    {
        public override string ToString() => Connection is { Length: > 0 } ? "connection " + Connection : "user " + User;
    }
}
