using System.Globalization;
using System.Text.Json;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary><c>GET /api/v1/audit?limit=&amp;before=</c>: what operators did, on all nodes, newest first.</summary>
internal sealed class AuditApi(AdminDoor door, NodeAsker nodes, AuditLog audit, Actors.RelaySystem relay) : INodeVerbs
{
    private const string Verb = "audit";
    private const int UsualLimit = 100;
    private const int MostLimit = 1000;

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/audit", ServeAsync);

    public Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => Task.FromResult(verb != Verb ? null : AdminJson.Of(json =>
    {
        json.WriteStartArray("entries");
        foreach (var entry in audit.Newest((int)Math.Clamp(arguments.NumberOf("limit") ?? UsualLimit, 1, MostLimit), arguments.NumberOf("before_us") ?? long.MaxValue))
        {
            json.WriteStartObject();
            json.WriteTime("at", entry.Micros);
            json.WriteNumber("us", entry.Micros);
            json.WriteString("node", relay.NodeName);
            json.WriteString("who", entry.Who);
            json.WriteString("from", entry.From);
            json.WriteString("act", entry.Act);
            json.WriteString("target", entry.Target);
            json.WriteString("result", entry.Result);
            json.WriteText("detail", entry.Detail);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }));

    private async Task ServeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var before = long.MaxValue;
        if (!Paging.TryReadLimit(context.Request.Query, UsualLimit, MostLimit, out var limit)
            || (context.Request.Query["before"].ToString() is { Length: > 0 } text && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out before)))
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, $"limit must be 1 to {MostLimit}, and before the us of an entry");
            return;
        }

        var said = await nodes.AskAllAsync(context, Verb, json =>
        {
            json.WriteNumber("limit", limit);
            json.WriteNumber("before_us", before);
        });
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("entries");
            foreach (var entry in said.Said.SelectMany(static one => one.Json.ListOf("entries")).OrderByDescending(static one => one.NumberOf("us")).Take(limit))
            {
                entry.WriteTo(json);
            }

            json.WriteEndArray();
            said.WriteMissing(json);
        });
    }
}
