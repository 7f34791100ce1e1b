using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>What a node has of a session that another one asked for.</summary>
internal enum SessionFate : byte
{
    /// <summary>Nothing.</summary>
    Unknown = 0,

    /// <summary>It goes with the answer.</summary>
    Given = 1,

    /// <summary>It is on its way somewhere.</summary>
    Moving = 2,

    /// <summary>It belongs to other credentials.</summary>
    Refused = 3,
}

/// <summary>Sessions of clients on their way to another node, and the question for one.</summary>
internal static class SessionWire
{
    public static void Write(WireWriter writer, SearchSession wanted) => writer
        .Number(wanted.Session).Text(wanted.Token).Text(wanted.Principal.Subject).Flag(wanted.Principal.IsAuthenticated).Flag(wanted.Principal.IsService)
        .TextOrNull(wanted.AgentId).Number(wanted.OpenedMicros);

    public static SearchSession ReadWanted(ref WireReader reader)
    {
        var (session, token) = (reader.Number(), reader.Text());
        var principal = new Principal(reader.Text(), reader.Flag()) { IsService = reader.Flag() };
        return new SearchSession(session, token, principal, reader.TextOrNull(), reader.Number());
    }

    public static void Write(WireWriter writer, SessionRecord record)
    {
        writer.Number(record.Session).TextOrNull(record.Token).Text(record.ClientId).Text(record.Subject).Flag(record.IsService)
            .TextOrNull(record.AgentId).Flag(record.IsAgent).Flag(record.WasAnnounced).TextOrNull(record.ChatSession).Count(record.Subscriptions.Count);
        foreach (var one in record.Subscriptions)
        {
            writer.Text(one.Channel).Flag(one.IsPattern).Byte((byte)one.Presence).Flag(one.Filter is not null);
            if (one.Filter is { } filter)
            {
                writer.Count(filter.Patterns.Count);
                foreach (var pattern in filter.Patterns)
                {
                    writer.Text(pattern);
                }
            }
        }
    }

    public static SessionRecord Read(ref WireReader reader)
    {
        var (session, token, client, subject, isService) = (reader.Number(), reader.TextOrNull(), reader.Text(), reader.Text(), reader.Flag());
        var (agent, isAgent, wasAnnounced, chat) = (reader.TextOrNull(), reader.Flag(), reader.Flag(), reader.TextOrNull());
        var subscriptions = new SessionSubscription[reader.CountOf(4)];
        for (var i = 0; i < subscriptions.Length; i++)
        {
            subscriptions[i] = ReadSubscription(ref reader);
        }

        return new SessionRecord
        {
            Session = session, Token = token, ClientId = client, Subject = subject, IsService = isService,
            AgentId = agent, IsAgent = isAgent, WasAnnounced = wasAnnounced, ChatSession = chat, Subscriptions = subscriptions,
        };
    }

    private static SessionSubscription ReadSubscription(ref WireReader reader)
    {
        var (channel, isPattern, presence) = (reader.Text(), reader.Flag(), (PresenceWish)reader.Byte());
        if (!reader.Flag())
        {
            return new SessionSubscription(channel, isPattern, presence, null);
        }

        var patterns = new string[reader.CountOf(1)];
        for (var i = 0; i < patterns.Length; i++)
        {
            patterns[i] = reader.Text();
        }

        return new SessionSubscription(channel, isPattern, presence, EventFilter.Of(patterns));
    }
}
