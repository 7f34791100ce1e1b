using System.Text.Json;
using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Http;

namespace Relay.Node.Admin;

/// <summary>
/// <c>GET /api/v1/log-levels</c>, <c>POST /api/v1/log-levels {"category","level","for"?,"node"?}</c>: log levels while the nodes run; <c>"level":null</c> returns to the configured one.
/// </summary>
internal sealed class LogLevelApi(AdminDoor door, NodeAsker nodes, AuditLog audit, LiveLogLevels levels, RelaySystem relay, TimeProvider time) : INodeVerbs
{
    private const string Told = "log-levels";
    private const string Change = "log-levels.set";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/log-levels", ListAsync);
        routes.MapPost("/api/v1/log-levels", ChangeAsync);
    }

    public Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => Task.FromResult(verb switch
    {
        Told => AdminJson.Of(Write),
        Change => Set(arguments),
        _ => null,
    });

    private byte[] Set(JsonElement arguments)
    {
        var category = arguments.TextOf("category") ?? "";
        if (arguments.TextOf("level") is not { } text)
        {
            levels.Remove(category);
            return AdminJson.Of(Write);
        }

        var duration = arguments.NumberOf("for_ms") is { } lasts ? TimeSpan.FromMilliseconds(lasts) : (TimeSpan?)null;
        return Enum.TryParse<LogLevel>(text, ignoreCase: true, out var level) && levels.TrySet(category, level, duration, time)
            ? AdminJson.Of(Write)
            : AdminAnswers.Refusal(AdminAnswers.Conflict, $"Node {relay.NodeName} has too many levels that were set while it ran; remove some");
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("levels");
        foreach (var level in levels.All)
        {
            json.WriteStartObject();
            json.WriteString("node", relay.NodeName);
            json.WriteString("category", level.Category);
            json.WriteString("level", level.Level.ToString());
            json.WriteTime("until", level.EndsAt is { } ends ? ends.ToUnixTimeMilliseconds() * 1000 : null);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private async Task ListAsync(HttpContext context)
    {
        if (await door.AdmitAsync(context))
        {
            await AnswerAsync(context, await nodes.AskAllAsync(context, Told, static _ => { }), isAct: false);
        }
    }

    private async Task ChangeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context) || await context.ReadActAsync() is not { } body)
        {
            return;
        }

        var (category, level, node) = (body.TextOf("category") ?? "", body.TextOf("level"), body.TextOf("node"));
        TimeSpan? duration = null;
        if (Problem(body, category, level, ref duration) is { } problem)
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, problem);
            return;
        }

        void Arguments(Utf8JsonWriter json)
        {
            json.WriteString("category", category);
            json.WriteText("level", level);
            if (duration is { } lasts)
            {
                json.WriteNumber("for_ms", (long)lasts.TotalMilliseconds);
            }
        }

        var said = node is null ? await nodes.AskAllAsync(context, Change, Arguments) : await nodes.AskOneAsync(context, node, Change, Arguments);
        var refusal = said.Said.Count == 0 ? (AdminAnswers.NotFound, $"There is no node '{node}', or it did not answer")
            : said.Said.Select(static one => AdminAnswers.RefusalOf(one.Json)).FirstOrDefault(static one => one is not null);
        audit.Note(context, "log-level", category, refusal?.Item1 ?? AdminAnswers.Done, $"{level ?? "as configured"}{(duration is { } time ? " for " + Durations.Format(time) : "")} on {node ?? "all nodes"}");
        await (refusal is var (code, text) ? context.RefuseActAsync(code, text) : AnswerAsync(context, said, isAct: true));
    }

    private static string? Problem(JsonElement body, string category, string? level, ref TimeSpan? duration)
    {
        if (!LiveLogLevels.IsCategory(category))
        {
            return "category must be a category such as Relay.Cluster, or Default; letters, digits, '.', '_' and '-'";
        }

        if (!body.TryGetProperty("level", out var given) || (given.ValueKind != JsonValueKind.Null && !Enum.GetNames<LogLevel>().Contains(level, StringComparer.OrdinalIgnoreCase)))
        {
            return $"level must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}, or null for the configured one";
        }

        if (!body.TryGetProperty("for", out var lasts))
        {
            return null;
        }

        if (lasts.ValueKind != JsonValueKind.String || Durations.Parse(EventText.Of(lasts)!, out var parsed) is not null || parsed <= TimeSpan.Zero || parsed > TimeSpan.FromDays(7))
        {
            return "for must be a duration up to 7d, such as 10m: after it the configured level returns";
        }

        duration = parsed;
        return null;
    }

    private static Task AnswerAsync(HttpContext context, NodesSay said, bool isAct) => context.JsonAsync(StatusCodes.Status200OK, json =>
    {
        if (isAct)
        {
            json.WriteBoolean("success", true);
        }

        json.WriteStartArray("levels");
        foreach (var level in said.Said.SelectMany(static one => one.Json.ListOf("levels")))
        {
            level.WriteTo(json);
        }

        json.WriteEndArray();
        said.WriteMissing(json);
    });
}
