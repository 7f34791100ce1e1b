using System.Globalization;
using System.Text;
using Relay.Protocol;
using Relay.Protocol.Handshake;

namespace Relay.Node.EventStreams;

/// <summary>What the URL of an event stream asks for (protocols.md, Server-Sent Events). Pure and immutable.</summary>
internal sealed record EventStreamQuery
{
    /// <summary>Most channels of one stream: every event of a stream over several carries the position of each, and the client gives them back in a header.</summary>
    public const int MaxChannels = 100;

    private const int MaxFilterNames = 256;

    /// <summary><c>token</c> or <c>access_token</c>; null without one.</summary>
    public string? Token { get; private init; }

    /// <summary><c>agent_id</c>.</summary>
    public string? AgentId { get; private init; }

    /// <summary>In the order of the URL.</summary>
    public IReadOnlyList<SubscribeCommand> Subscriptions { get; private init; } = [];

    /// <summary>What is wrong with it, for people; null when nothing is.</summary>
    public string? Problem { get; private init; }

    /// <summary>True when <see cref="Problem"/> is about a channel's name.</summary>
    public bool IsChannelProblem { get; private init; }

    /// <summary>Reads a request.</summary>
    /// <param name="query">The raw query.</param>
    /// <param name="lastEventId">The header <c>Last-Event-ID</c>; empty without one.</param>
    /// <param name="maxChannels">Channels it may name.</param>
    public static EventStreamQuery Read(string query, string lastEventId, int maxChannels)
    {
        if (!QueryText.TryParse(query, out var parameters))
        {
            return new EventStreamQuery { Problem = "The query cannot be decoded" };
        }

        var names = new List<string>();
        var events = new List<string>();
        string? Of(params string[] keys) =>
            parameters.FirstOrDefault(parameter => keys.Contains(parameter.Key, StringComparer.Ordinal) && parameter.Value.Length > 0).Value;
        foreach (var (key, value) in parameters)
        {
            switch (key)
            {
                case "channel":
                    names.Add(value);
                    break;
                case "channels":
                    names.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries));
                    break;
                case "events":
                    events.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries));
                    break;
            }
        }

        var asked = new EventStreamQuery { Token = Of("token", "access_token"), AgentId = Of("agent_id") };
        var position = lastEventId.Length > 0 ? lastEventId : Of("lastEventId") ?? Of("since");
        return asked.WithSubscriptions(names, events, position, Of("last"), Wish(Of("presence"), Of("presence_by")), maxChannels);
    }

    private EventStreamQuery WithSubscriptions(List<string> names, List<string> events, string? position, string? last, PresenceWish? presence, int maxChannels)
    {
        if (presence is not { } wish)
        {
            return this with { Problem = "presence_by must be connection or user" };
        }

        maxChannels = Math.Min(maxChannels, MaxChannels);
        if (names.Count == 0 || names.Count > maxChannels)
        {
            return this with { Problem = $"channels must name 1 to {maxChannels} channels" };
        }

        var newest = 0;
        if (last is not null && !int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out newest))
        {
            return this with { Problem = "last must be a number of events" };
        }

        StreamPosition?[]? since = null;
        if (position is not null && !SseCursor.TryParse(position, names.Count, out since))
        {
            return this with { Problem = "since, lastEventId and Last-Event-ID must be epoch:offset, or '-', for each channel in its order, as received" };
        }

        if (events.Count > MaxFilterNames || !events.TrueForAll(static name => EventName.TryParse(Encoding.UTF8.GetBytes(name), out _)))
        {
            return this with { Problem = $"events must be at most {MaxFilterNames} event names or prefixes" };
        }

        var filter = events.Count == 0 ? null : EventFilter.Of([.. events]);
        var subscriptions = new List<SubscribeCommand>(names.Count);
        for (var i = 0; i < names.Count; i++)
        {
            var pattern = names[i].Contains('*', StringComparison.Ordinal);
            if (!ChannelName.TryParse(names[i], out var channel) || (pattern && !ChannelPattern.TryParse(channel, out _)))
            {
                return this with { IsChannelProblem = true, Problem = "Invalid channel format: " + names[i] };
            }

            if (subscriptions.Exists(known => known.Channel.Equals(channel, StringComparison.Ordinal)))
            {
                return this with { IsChannelProblem = true, Problem = "Channel named twice: " + channel };
            }

            if (pattern && wish != PresenceWish.None)
            {
                return this with { IsChannelProblem = true, Problem = "A pattern has no presence: " + channel };
            }

            // A channel whose position is not known begins as it would have begun the first time.
            var resume = pattern ? null : since?[i];
            subscriptions.Add(new SubscribeCommand
            {
                RequestId = new RequestId(Encoding.ASCII.GetBytes((i + 1).ToString(CultureInfo.InvariantCulture))),
                Channel = channel,
                IsPattern = pattern,
                Since = resume,
                Last = resume is null ? newest : 0,
                Presence = wish,
                Filter = filter,
            });
        }

        return this with { Subscriptions = subscriptions };
    }

    private static PresenceWish? Wish(string? presence, string? by) => (presence is "true" or "1", by) switch
    {
        (false, _) => PresenceWish.None,
        (true, null or "connection") => PresenceWish.Connections,
        (true, "user") => PresenceWish.Users,
        _ => null,
    };
}
