using System.Text.Json;
using Relay.Actors.Explain;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>
/// <c>GET /api/v1/explain?message=ID[&amp;channel=…][&amp;user=…|&amp;connection=…][&amp;limit=…]</c>: what became of an event, for each connection one verdict (docs/operations-admin.md).
/// </summary>
internal sealed class ExplainApi(AdminDoor door, NodeAsker nodes)
{
    /// <summary>Verdicts where no limit is given, and the most.</summary>
    public const int UsualLimit = 100;
    public const int MostLimit = 1000;

    private const int LongestId = 256;

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/explain", ServeAsync);

    private async Task ServeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var query = context.Request.Query;
        if (query["message"].ToString() is not { Length: > 0 and <= LongestId } id)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, $"message must be the id of an event: the server's (msg_…) or the publisher's own, 1 to {LongestId} characters");
            return;
        }

        var channel = query["channel"].ToString() is { Length: > 0 } named ? named : null;
        if (channel is not null && !ChannelName.TryParse(channel, out _))
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidChannel, "channel must be a valid channel name");
            return;
        }

        if (!Paging.TryReadLimit(query, UsualLimit, MostLimit, out var limit))
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, $"limit must be 1 to {MostLimit}");
            return;
        }

        var found = await nodes.AskAllAsync(context, ExplainVerbs.Find, json =>
        {
            json.WriteString("message", id);
            json.WriteText("channel", channel);
        });
        var events = Events(found);
        var asked = events.LastOrDefault();
        var judged = asked is null ? null : await nodes.AskAllAsync(context, ExplainVerbs.Judge, json =>
        {
            AdminJson.Write(json, asked.Event);
            json.WriteText("user", query["user"].ToString());
            json.WriteText("connection", query["connection"].ToString());
            json.WriteNumber("limit", limit);
        });
        await context.JsonAsync(StatusCodes.Status200OK, json => Write(json, id, found, events, judged, limit));
    }

    // Of each event the one that says most: its owner's, not that of a node it came to.
    private static List<Candidate> Events(NodesSay found) =>
    [
        .. found.Said.SelectMany(static said => said.Json.ListOf("events").Select(one => (said.Node, Json: one, Event: AdminJson.ReadEvent(one))))
            .Where(static one => one.Event is not null)
            .GroupBy(static one => (one.Event!.Channel, one.Event.Position))
            .Select(static same => same.OrderBy(static one => one.Event!.Event.Length == 0).First())
            .Select(static one => new Candidate(one.Event!, one.Event!.Event.Length == 0 ? null : one.Node, [.. one.Json.TextsOf("nodes")]))
            .OrderBy(static one => one.Event.AcceptedMicros),
    ];

    private static void Write(Utf8JsonWriter json, string id, NodesSay found, List<Candidate> events, NodesSay? judged, int limit)
    {
        json.WriteString("message", id);
        var failures = found.Said.SelectMany(static said => said.Json.ListOf("failures").Select(one => (said.Node, Json: one))).OrderBy(static one => one.Json.NumberOf("us")).ToList();
        if (events.LastOrDefault() is { } asked)
        {
            json.WriteString("status", "accepted");
            Write(json, asked);
            if (events.Count > 1)
            {
                json.WriteList("other_channels", events.SkipLast(1).Select(static one => one.Event.Channel).Distinct(StringComparer.Ordinal));
            }
        }
        else if (failures.Count > 0)
        {
            json.WriteString("status", failures[^1].Json.TextOf("outcome"));
            json.WriteText("reason", failures[^1].Json.TextOf("reason"));
        }
        else
        {
            json.WriteString("status", "unknown");
            json.WriteString("reason", WhyUnknown(found));
        }

        WriteAttempts(json, failures);
        WriteVerdicts(json, judged, limit);
        new NodesSay([], [.. found.Missing.Union(judged?.Missing ?? [], StringComparer.Ordinal)]).WriteMissing(json);
    }

    private static void Write(Utf8JsonWriter json, Candidate asked)
    {
        var message = asked.Event;
        json.WriteStartObject("accepted");
        json.WriteString("id", $"msg_{message.Position.Epoch}{message.Position.Offset}");
        json.WriteString("channel", message.Channel);
        json.WriteText("event", message.Event);
        json.WriteString("epoch", message.Position.Epoch.ToString());
        json.WriteNumber("offset", message.Position.Offset);
        json.WriteTime("at", message.AcceptedMicros);
        json.WriteTime("expires_at", message.ExpiresMicros);
        json.WriteText("owner", asked.Owner);
        json.WriteList("routed_to", asked.Nodes);
        json.WriteEndObject();
    }

    private static void WriteAttempts(Utf8JsonWriter json, List<(string Node, JsonElement Json)> failures)
    {
        json.WriteStartArray("attempts");
        foreach (var (node, failure) in failures)
        {
            json.WriteStartObject();
            json.WriteString("outcome", failure.TextOf("outcome"));
            json.WriteString("channel", failure.TextOf("channel"));
            json.WriteText("reason", failure.TextOf("reason"));
            json.WriteText("publisher", failure.TextOf("publisher"));
            json.WriteString("node", node);
            json.WriteTime("at", failure.NumberOf("us"));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteVerdicts(Utf8JsonWriter json, NodesSay? judged, int limit)
    {
        var verdicts = (judged?.Said ?? []).SelectMany(static said => said.Json.ListOf("verdicts")).OrderBy(static one => one.NumberOf("number")).ToList();
        json.WriteNumber("connections", (judged?.Said ?? []).Sum(static said => said.Json.NumberOf("connections") ?? 0));
        json.WriteStartObject("counts");
        foreach (var same in verdicts.Take(limit).GroupBy(static one => one.TextOf("verdict")!, StringComparer.Ordinal).OrderBy(static same => same.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(same.Key, same.Count());
        }

        json.WriteEndObject();
        json.WriteStartArray("verdicts");
        foreach (var verdict in verdicts.Take(limit))
        {
            verdict.WriteTo(json);
        }

        json.WriteEndArray();
    }

    private static string WhyUnknown(NodesSay found)
    {
        if (found.Said.All(static said => !said.Json.FlagOf("on")))
        {
            return "Nothing is remembered: Relay:Explain:Bytes is 0";
        }

        var oldest = found.Said.Select(static said => said.Json.NumberOf("oldest_us")).Max();
        return "No node remembers such an id: it never reached a channel or a right, it is of an event without a place in the sequence, or it is too old"
            + (oldest is { } since ? $" (all events since {ApiAnswers.Rfc3339(since)} are remembered)" : "");
    }

    /// <summary>An event that was accepted under the id.</summary>
    /// <param name="Owner">Who accepted it; null when that node is gone.</param>
    /// <param name="Nodes">Where it went.</param>
    private sealed record Candidate(ExplainedEvent Event, string? Owner, IReadOnlyList<string> Nodes);
}
