using System.Net;

namespace Relay.Node.Configuration;

/// <summary>What must hold between settings, and between a setting and the machine.</summary>
internal static class RelationRules
{
    /// <summary>Adds a problem to <paramref name="reader"/> for each rule that does not hold.</summary>
    /// <param name="options">What was read.</param>
    /// <param name="reader">Where problems go.</param>
    /// <param name="mostConnections">Connections that fit into the process' file limit; null when unknown.</param>
    public static void Check(RelayOptions options, SettingReader reader, int? mostConnections)
    {
        CheckOpenListeners(options, reader);
        CheckAddressesDiffer(options.Listeners, reader);
        foreach (var listener in options.Listeners.Where(listener => listener.ProxyProtocol && options.Proxies.Networks.Count == 0))
        {
            reader.Problem($"Listeners:{listener.Name}:ProxyProtocol", "required", "needs the networks of the proxies, or anybody could say to be anybody: Proxies:Networks:0", "off");
        }

        options.Agents.Check(reader, options.Redis.Connection);
        StorageOptions.Check(reader, options);
        options.Cluster.Check(reader, options);
        if (options.Listeners.Count == 0)
        {
            reader.Problem("Listeners:main:Url", null, "every listener is turned off; at least one must have an address", "http://127.0.0.1:8080");
        }

        if (options.Limits.MaxConnections > mostConnections)
        {
            reader.Problem(
                "Limits:MaxConnections",
                options.Limits.MaxConnections.ToString(),
                $"the process' file limit is enough for {mostConnections} connections; raise it (ulimit -n) or lower this; 0 takes what fits",
                "0");
        }
    }

    private static void CheckOpenListeners(RelayOptions options, SettingReader reader)
    {
        if (options.Auth.Required || options.Auth.AllowAnonymous)
        {
            return;
        }

        foreach (var listener in options.Listeners.Where(listener => !IPAddress.IsLoopback(listener.Address.Address)))
        {
            reader.Problem(
                $"Listeners:{listener.Name}:Url",
                listener.Url,
                "is open to the network while nobody has to sign in. Set Relay__Auth__Required=true (with a key, see Auth:Jwt:Keys), "
                    + "or say aloud that anyone may enter: Relay__Auth__AllowAnonymous=true or --Relay:Auth:AllowAnonymous=true",
                null);
        }
    }

    private static void CheckAddressesDiffer(IReadOnlyList<ListenerOptions> listeners, SettingReader reader)
    {
        for (var i = 0; i < listeners.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (Overlap(listeners[i].Address, listeners[j].Address))
                {
                    reader.Problem(
                        $"Listeners:{listeners[i].Name}:Url",
                        listeners[i].Url,
                        $"port {listeners[i].Address.Port} is already taken by the listener '{listeners[j].Name}'; give it another port, or 0 to choose one",
                        listeners[i].Url[..listeners[i].Url.LastIndexOf(':')] + ":0");
                }
            }
        }
    }

    private static bool Overlap(IPEndPoint left, IPEndPoint right) =>
        left.Port == right.Port && left.Port != 0
        && (left.Address.Equals(right.Address) || IsEverything(left.Address) || IsEverything(right.Address));

    private static bool IsEverything(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
