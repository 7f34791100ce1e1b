using System.Text;
using Relay.Actors.Channels;
using Relay.Node.Listeners.Tls;

namespace Relay.Node.Configuration;

/// <summary>What a node with these options would start, for people: a line per part, no secret. Pure code.</summary>
internal static class StartSummary
{
    /// <summary>Lines, each ended.</summary>
    public static string Of(RelayOptions options)
    {
        var text = new StringBuilder();
        foreach (var listener in options.Listeners)
        {
            text.Append("listener ").Append(listener.Name).Append("  ").Append(listener.Url).Append(" dialect ").Append(listener.DialectName).Append(TlsOf(listener.Tls)).Append('\n');
        }

        text.Append("clients   ").Append(options.Auth.Required ? "need a token or key" : options.Auth.AllowAnonymous ? "anyone, said aloud" : "anyone on this machine");
        text.Append($"; {options.Auth.Jwt.Keys.Count} token keys{(options.Auth.Jwt.JwksUrl.Length > 0 ? " and a key set" : "")}, {options.Auth.ApiKeys.Count} API keys\n");
        text.Append("redis     ").Append(options.Redis.Connection?.ToString() ?? "none").Append('\n');
        text.Append("postgres  ").Append(!options.Postgres.Connection.IsEmpty ? "yes" : "none").Append('\n');
        text.Append("durable   ").Append(Durable(options)).Append('\n');
        text.Append("cluster   ").Append(options.Cluster.Enabled ? $"'{options.Cluster.Name}', {options.Cluster.Shards} shards" : "no").Append('\n');
        text.Append("files     ").Append(options.Reload.Interval > TimeSpan.Zero ? $"looked at every {Durations.Format(options.Reload.Interval)} and on SIGHUP" : "read again on SIGHUP").Append('\n');
        return text.ToString();
    }

    private static string TlsOf(TlsOptions? tls) => tls is null ? ""
        : $"; certificate until {TlsMaterial.Load(tls.ForListener()).Until.UtcDateTime:yyyy-MM-dd}, TLS {(tls.Only13 ? "1.3" : "1.2 and 1.3")}, client certificates {tls.Clients.ToString().ToLowerInvariant()}";

    private static string Durable(RelayOptions options)
    {
        var durable = options.Namespaces.Where(static one => one.Value.Durability != Durability.Memory).Select(static one => $"{one.Key} ({one.Value.Durability.ToString().ToLowerInvariant()})").ToList();
        return durable.Count == 0 ? "nothing: channels are kept in memory" : string.Join(", ", durable);
    }
}
