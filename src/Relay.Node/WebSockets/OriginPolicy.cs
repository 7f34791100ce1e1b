using System.Buffers;
using System.Collections.Frozen;
using System.Net;

namespace Relay.Node.WebSockets;

/// <summary>
/// Which web pages may open a WebSocket here. A browser sends any page's upgrade with the user's cookies and reaches what listens on the
/// user's own machine; nothing but the <c>Origin</c> header tells a foreign page (CWE-1385, reliability.md S1).
/// <para>
/// Allowed: no <c>Origin</c> (no browser); the page of the very host and port asked (a dashboard served from here); pages of this machine
/// (<c>localhost</c>, 127.0.0.0/8, <c>[::1]</c>, any port), so that a page under development on port 3000 reaches a relay on 8080; and the
/// origins listed, compared character by character as browsers write them (lower case, no default port). <c>*</c> allows all. Everything else,
/// <c>null</c> included, is refused.
/// </para>
/// Pure and immutable.
/// </summary>
public sealed class OriginPolicy
{
    private static readonly SearchValues<char> NotInAuthority = SearchValues.Create("/@?# \\,");
    private static readonly SearchValues<char> AddressChars = SearchValues.Create("0123456789.");

    private readonly FrozenSet<string> _listed;
    private readonly bool _all;

    /// <param name="allowedOrigins">E.g. <c>https://app.example.com</c>; <c>*</c> = all.</param>
    public OriginPolicy(IEnumerable<string> allowedOrigins)
    {
        _listed = allowedOrigins.ToFrozenSet(StringComparer.Ordinal);
        _all = _listed.Contains("*");
    }

    /// <summary>Whether an upgrade may pass.</summary>
    /// <param name="origin">Value of <c>Origin</c>; null without one.</param>
    /// <param name="host">Value of <c>Host</c> or <c>:authority</c>.</param>
    public bool Allows(string? origin, string? host) =>
        origin is null || _all || _listed.Contains(origin) || (TrySplit(origin, out var authority, out var scheme) && IsOwn(authority, scheme, host));

    private static bool IsOwn(ReadOnlySpan<char> authority, ReadOnlySpan<char> scheme, ReadOnlySpan<char> host) =>
        IsLoopback(authority) || authority.SequenceEqual(WithoutDefaultPort(host, scheme));

    /// <summary>Splits <c>http://host[:port]</c>; false for anything else, a path or user included.</summary>
    private static bool TrySplit(ReadOnlySpan<char> origin, out ReadOnlySpan<char> authority, out ReadOnlySpan<char> scheme)
    {
        authority = default;
        var colon = origin.IndexOf("://", StringComparison.Ordinal);
        scheme = colon < 0 ? default : origin[..colon];
        if (scheme is not ("http" or "https"))
        {
            return false;
        }

        authority = origin[(colon + 3)..];
        return !authority.IsEmpty && !authority.ContainsAny(NotInAuthority);
    }

    private static ReadOnlySpan<char> WithoutDefaultPort(ReadOnlySpan<char> host, ReadOnlySpan<char> scheme)
    {
        var port = scheme is "https" ? ":443" : ":80";
        return host.EndsWith(port, StringComparison.Ordinal) ? host[..^port.Length] : host;
    }

    private static bool IsLoopback(ReadOnlySpan<char> authority)
    {
        var name = authority;
        var colon = authority.LastIndexOf(':');
        if (colon >= 0 && !authority.EndsWith("]", StringComparison.Ordinal))
        {
            name = authority[..colon];
            var port = authority[(colon + 1)..];
            if (port.IsEmpty || port.ContainsAnyExceptInRange('0', '9'))
            {
                return false;
            }
        }

        if (name is "localhost" or "[::1]")
        {
            return true;
        }

        // Four numbers, or a name such as 127.0.0.1.example.com or 127.1 would pass by the address parser's leniency.
        return name.StartsWith("127.", StringComparison.Ordinal)
            && name.Count('.') == 3
            && !name.ContainsAnyExcept(AddressChars)
            && IPAddress.TryParse(name, out var address)
            && IPAddress.IsLoopback(address);
    }
}
