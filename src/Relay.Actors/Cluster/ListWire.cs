using Relay.Actors.Sessions;

namespace Relay.Actors.Cluster;

/// <summary>Parts of lists between nodes.</summary>
internal static class ListWire
{
    public static byte[] Write(SessionSummary[] sessions)
    {
        var writer = new WireWriter().Count(sessions.Length);
        foreach (var session in sessions)
        {
            writer.Text(session.SessionId).Text(session.Status).Number(session.MessageCount).Number(session.CreatedMicros).Number(session.LastActivityMicros);
        }

        return writer.Written.ToArray();
    }

    public static List<SessionSummary> ReadSessions(byte[] part)
    {
        var sessions = new List<SessionSummary>();
        if (part.Length > 0)
        {
            var reader = new WireReader(part);
            for (var left = reader.CountOf(5); left > 0; left--)
            {
                sessions.Add(new SessionSummary(reader.Text(), reader.Text(), (int)reader.Number(), reader.Number(), reader.Number()));
            }
        }

        return sessions;
    }

    public static byte[] Write(KeyValuePair<string, int>[] channels, int deliveries)
    {
        var writer = new WireWriter().Count(deliveries).Count(channels.Length);
        foreach (var (channel, subscribers) in channels)
        {
            writer.Text(channel).Count(subscribers);
        }

        return writer.Written.ToArray();
    }

    /// <summary>Adds the subscribers to those known; returns the deliveries.</summary>
    public static int AddChannels(byte[] part, IDictionary<string, int> sum)
    {
        if (part.Length == 0)
        {
            return 0;
        }

        var reader = new WireReader(part);
        var deliveries = reader.Count();
        for (var left = reader.CountOf(2); left > 0; left--)
        {
            var channel = reader.Text();
            sum.TryGetValue(channel, out var known);
            sum[channel] = known + reader.Count();
        }

        return deliveries;
    }
}
