using System.Buffers;
using System.Net;

namespace Relay.Node.Proxies;

/// <summary>Which header a trusted proxy writes. One only: a proxy passes the other on as the client wrote it.</summary>
public enum ForwardedBy
{
    /// <summary><c>X-Forwarded-For</c>, <c>X-Forwarded-Host</c>, <c>X-Forwarded-Proto</c>.</summary>
    XForwarded,

    /// <summary><c>Forwarded</c> (RFC 7239).</summary>
    Forwarded,
}

/// <summary>The client behind the proxies; null where they do not say.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Host">The host it asked for.</param>
/// <param name="Scheme"><c>http</c> or <c>https</c>.</param>
public readonly record struct ForwardedClient(IPAddress? Address, string? Host, string? Scheme);

/// <summary>
/// Whose word about the client is believed: that of peers in the configured networks, and of those they name as long as these are in the networks as well; read from the
/// right, since whatever stands left of the first stranger is the stranger's own word. Pure and immutable.
/// </summary>
public sealed class ProxyTrust(IReadOnlyList<IPNetwork> networks, ForwardedBy by)
{
    private static readonly SearchValues<char> NotInHost = SearchValues.Create(" /\\@?#");

    /// <summary>Nobody is.</summary>
    public static ProxyTrust None { get; } = new([], ForwardedBy.XForwarded);

    /// <summary>Proxies one request may have passed.</summary>
    private const int MaxHops = 16;

    /// <summary>False when there is nothing to look at.</summary>
    public bool IsUsed => networks.Count > 0;

    /// <summary>Whether an address is a proxy's.</summary>
    public bool Trusts(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in networks)
        {
            if (network.Contains(plain))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What is known of the client of a request.</summary>
    /// <param name="peer">Who sent it.</param>
    /// <param name="header">Value of a header, several lines joined with commas; null without one.</param>
    public ForwardedClient See(IPAddress? peer, Func<string, string?> header)
    {
        if (peer is null || !Trusts(peer))
        {
            return default;
        }

        return by == ForwardedBy.Forwarded ? SeeForwarded(header("Forwarded")) : SeeXForwarded(header);
    }

    private ForwardedClient SeeXForwarded(Func<string, string?> header)
    {
        IPAddress? client = null;
        foreach (var text in FromTheRight(header("X-Forwarded-For")))
        {
            if (!TryNode(text, out var address))
            {
                break;
            }

            client = address;
            if (!Trusts(address))
            {
                break;
            }
        }

        return new ForwardedClient(client, HostOrNull(FromTheRight(header("X-Forwarded-Host")).FirstOrDefault()), SchemeOrNull(FromTheRight(header("X-Forwarded-Proto")).FirstOrDefault()));
    }

    private ForwardedClient SeeForwarded(string? value)
    {
        ForwardedClient client = default;
        foreach (var element in FromTheRight(value))
        {
            string? node = null, host = null, scheme = null;
            foreach (var pair in element.Split(';', StringSplitOptions.TrimEntries))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                var text = equals < 0 ? "" : Unquote(pair[(equals + 1)..].Trim());
                switch (equals < 0 ? "" : pair[..equals].ToUpperInvariant())
                {
                    case "FOR":
                        node = text;
                        break;
                    case "HOST":
                        host = text;
                        break;
                    case "PROTO":
                        scheme = text;
                        break;
                }
            }

            var known = TryNode(node, out var address);
            client = new ForwardedClient(known ? address : client.Address, HostOrNull(host) ?? client.Host, SchemeOrNull(scheme) ?? client.Scheme);
            if (!known || !Trusts(address))
            {
                break;
            }
        }

        return client;
    }

    private static IEnumerable<string> FromTheRight(string? value) =>
        (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Reverse().Take(MaxHops);

    private static string Unquote(string text) => text is ['"', .. var inner, '"'] ? inner : text;

    /// <summary>An address, with or without port; false for <c>unknown</c> and obfuscated names (RFC 7239 §6).</summary>
    private static bool TryNode(string? text, out IPAddress address)
    {
        address = IPAddress.None;
        if (string.IsNullOrEmpty(text))
        {
            return false;
        }

        var bare = text[0] == '[' && text.IndexOf(']', StringComparison.Ordinal) is var close and > 0 ? text[1..close]
            : text.Count(':') == 1 ? text[..text.IndexOf(':', StringComparison.Ordinal)]
            : text;

        // TryParse alone would take "1" for 0.0.0.1.
        if (!(bare.Contains(':', StringComparison.Ordinal) || bare.Count('.') == 3) || !IPAddress.TryParse(bare, out var parsed))
        {
            return false;
        }

        address = parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed;
        return true;
    }

    private static string? HostOrNull(string? text) => text is { Length: > 0 and <= 255 } && !text.AsSpan().ContainsAny(NotInHost) ? text : null;

    private static string? SchemeOrNull(string? text) => text?.ToUpperInvariant() switch
    {
        "HTTPS" or "WSS" => "https",
        "HTTP" or "WS" => "http",
        _ => null,
    };
}
