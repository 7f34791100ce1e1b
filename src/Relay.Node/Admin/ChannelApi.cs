using System.Globalization;
using System.Text.Json;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.Admin;

/// <summary>
/// <c>GET /api/v1/channels/details?prefix=&amp;pattern=&amp;after=&amp;limit=</c>: channels that somebody subscribes to, with position, durability, owner and subscribers by node; in the order of
/// their names.
/// </summary>
internal sealed class ChannelApi(AdminDoor door, NodeAsker nodes, RelaySystem relay, RelayOptions options) : INodeVerbs
{
    private const string Verb = "channels";
    private const int UsualLimit = 100;
    private const int MostLimit = 1000;

    private static readonly string[] Selection = ["prefix", "pattern", "after"];
    private static readonly TimeSpan OwnersTimeout = TimeSpan.FromSeconds(1);

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/channels/details", ServeAsync);

    public Task<byte[]?> AnswerAsync(string verb, JsonElement arguments)
    {
        if (verb != Verb)
        {
            return Task.FromResult<byte[]?>(null);
        }

        var prefix = arguments.TextOf("prefix") ?? "";
        ChannelPattern? pattern = ChannelPattern.TryParse(arguments.TextOf("pattern") ?? "", out var parsed) ? parsed : null;
        var page = relay.Channels.Page(
            channel => channel.StartsWith(prefix, StringComparison.Ordinal) && pattern?.Matches(channel) != false,
            arguments.TextOf("after") ?? "",
            (int)Math.Clamp(arguments.NumberOf("limit") ?? UsualLimit, 1, MostLimit));
        return Task.FromResult<byte[]?>(AdminJson.Of(json =>
        {
            json.WriteStartArray("channels");
            foreach (var (channel, subscribers) in page)
            {
                json.WriteStartObject();
                json.WriteString("channel", channel);
                json.WriteNumber("subscribers", subscribers);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private async Task ServeAsync(HttpContext context)
    {
        if (!await door.AdmitAsync(context))
        {
            return;
        }

        var query = context.Request.Query;
        if (!Paging.TryReadLimit(query, UsualLimit, MostLimit, out var limit))
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, $"limit must be 1 to {MostLimit}");
            return;
        }

        if (query["pattern"].ToString() is { Length: > 0 } pattern && !ChannelPattern.TryParse(pattern, out _))
        {
            await context.RefuseActAsync(AdminAnswers.Invalid, "pattern must be a channel pattern such as topics/*; for the beginning of a name use prefix");
            return;
        }

        var said = await nodes.AskAllAsync(context, Verb, json =>
        {
            foreach (var name in Selection)
            {
                json.WriteText(name, query[name].ToString());
            }

            json.WriteNumber("limit", limit);
        });
        var channels = said.Said.SelectMany(static one => one.Json.ListOf("channels").Select(channel => (one.Node, Channel: channel.TextOf("channel")!, Count: channel.NumberOf("subscribers") ?? 0)))
            .GroupBy(static one => one.Channel, StringComparer.Ordinal).OrderBy(static same => same.Key, StringComparer.Ordinal).Take(limit).ToList();
        var owners = relay.Cluster is { } cluster ? await cluster.SeeShardsAsync(OwnersTimeout) : null;
        var positions = await Task.WhenAll(channels.Select(channel => PositionAsync(channel.Key, context.RequestAborted)));
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("channels");
            foreach (var (channel, position) in channels.Zip(positions))
            {
                json.WriteStartObject();
                json.WriteString("channel", channel.Key);
                Write(json, channel.Key, position, owners);
                json.WriteNumber("subscribers", channel.Sum(static one => one.Count));
                json.WriteStartObject("subscribers_by_node");
                foreach (var (node, _, count) in channel.OrderBy(static one => one.Node, StringComparer.Ordinal))
                {
                    json.WriteNumber(node, count);
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (channels.Count == limit)
            {
                json.WriteString("next", channels[^1].Key);
            }

            said.WriteMissing(json);
        });
    }

    private void Write(Utf8JsonWriter json, string channel, HistoryReply? position, Cluster.Node.ShardsSeen? owners)
    {
        if (position is { Refusal: null })
        {
            json.WriteString("epoch", position.Position.Epoch.ToString());
            json.WriteNumber("offset", position.Position.Offset);
        }
        else
        {
            json.WriteString("unavailable", position?.Refusal ?? ApiAnswers.NoAnswer);
        }

        json.WriteString("durability", options.ForActors().For(channel).Durability.ToString().ToLowerInvariant());
        if (relay.Cluster is { } cluster)
        {
            var shard = ShardHash.ShardOf(channel, cluster.Shards);
            json.WriteString("shard", shard.ToString(CultureInfo.InvariantCulture));
            json.WriteText("owner", owners?.Shards[shard].Owner?.Name);
        }
    }

    // Somebody subscribes to it, so it is awake: to ask changes nothing.
    private async Task<HistoryReply?> PositionAsync(string channel, CancellationToken cancellationToken)
    {
        try
        {
            return await relay.HistoryAsync(channel, new HistoryQuery { Limit = 1 }, cancellationToken);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }
}
