using System.Net;
using Relay.Node.Proxies;

namespace Relay.Node.Configuration;

/// <summary>The proxies in front of this node.</summary>
public sealed record ProxyOptions
{
    /// <summary>Where they are; none = nobody's word about a client is believed.</summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>Which header they write.</summary>
    public ForwardedBy Headers { get; init; }

    internal ProxyTrust Trust => new(Networks, Headers);

    internal static ProxyOptions Read(SettingReader reader) => new()
    {
        Networks = [.. reader.ReadValues("Proxies:Networks", Network, default, "Network of the proxies in front, as address/length or address; what they say of a client's address, host and scheme is believed, others' word is not.")],
        Headers = reader.Read("Proxies:Headers", Kinds.Choice([("x-forwarded", ForwardedBy.XForwarded), ("forwarded", ForwardedBy.Forwarded)]), ForwardedBy.XForwarded, "Header that they write: x-forwarded (X-Forwarded-For, -Host, -Proto) or forwarded (RFC 7239); the other one is not looked at."),
    };

    private static ValueKind<IPNetwork> Network { get; } = new("network", "10.0.0.0/8", Parse, static network => network.ToString());

    private static string? Parse(string text, out IPNetwork value)
    {
        var trimmed = text.Trim();
        if (IPAddress.TryParse(trimmed, out var single) && (trimmed.Contains(':', StringComparison.Ordinal) || trimmed.Count(static c => c == '.') == 3))
        {
            value = new IPNetwork(single, single.GetAddressBytes().Length * 8);
            return null;
        }

        return IPNetwork.TryParse(trimmed, out value) ? null : "not a network as address/length, e.g. 10.0.0.0/8, or an address";
    }
}
