using System.Globalization;

namespace Relay.Redis;

/// <summary>What a connection text said; merged into <see cref="RedisOptions"/> with whatever else is configured.</summary>
public sealed record RedisAddress(IReadOnlyList<RedisEndpoint> Endpoints, bool Tls, string? User, string? Password, int Database)
{
    /// <summary>Without the password.</summary>
    public override string ToString() => $"{(Tls ? "rediss" : "redis")}://{string.Join(',', Endpoints)}/{Database}";
}

/// <summary>
/// Reads <c>[redis://|rediss://][user[:password]@]host[:port][,host[:port]…][/database]</c>. User, password and database as in the
/// provisional URI scheme "redis" of IANA, percent-decoded; several hosts are this project's addition. IPv6 addresses stand in brackets.
/// </summary>
public static class RedisOptionsParser
{
    /// <exception cref="FormatException">With a text that names the setting and what is wrong; never the password.</exception>
    public static RedisAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var rest = text.Trim();
        var tls = TakePrefix(ref rest, "rediss://");
        if (!tls && !TakePrefix(ref rest, "redis://") && rest.Contains("://", StringComparison.Ordinal))
            throw Bad("the scheme must be redis:// or rediss://");

        var (user, password) = TakeCredentials(ref rest);
        var database = TakeDatabase(ref rest);
        var hosts = rest.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (hosts.Length == 0)
            throw Bad("no host is named; expected host:port[,host:port…]");
        return new RedisAddress(Array.ConvertAll(hosts, ParseEndpoint), tls, user, password, database);
    }

    private static bool TakePrefix(ref string rest, string prefix)
    {
        if (!rest.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            return false;
        rest = rest[prefix.Length..];
        return true;
    }

    private static (string? User, string? Password) TakeCredentials(ref string rest)
    {
        var at = rest.LastIndexOf('@');
        if (at < 0)
            return (null, null);
        var credentials = rest[..at];
        rest = rest[(at + 1)..];
        var colon = credentials.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            throw Bad("before '@' stands 'user:password' or ':password'");
        var user = Uri.UnescapeDataString(credentials[..colon]);
        return (user.Length == 0 ? null : user, Uri.UnescapeDataString(credentials[(colon + 1)..]));
    }

    private static int TakeDatabase(ref string rest)
    {
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
            return 0;
        var digits = rest[(slash + 1)..];
        rest = rest[..slash];
        if (digits.Length == 0)
            return 0;
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var database)
            ? database
            : throw Bad($"'/{digits}' is not a database number");
    }

    private static RedisEndpoint ParseEndpoint(string text)
    {
        var (host, port) = SplitPort(text);
        if (host.Length == 0 || host.AsSpan().ContainsAny(" \t"))
            throw Bad($"'{text}' is not host:port");
        if (port is null)
            return new RedisEndpoint(host, RedisEndpoint.DefaultPort);
        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= ushort.MaxValue
            ? new RedisEndpoint(host, number)
            : throw Bad($"'{port}' in '{text}' is not a port (1 to 65535)");
    }

    private static (string Host, string? Port) SplitPort(string text)
    {
        if (text.StartsWith('['))
        {
            var close = text.IndexOf(']', StringComparison.Ordinal);
            if (close < 0 || (close + 1 < text.Length && text[close + 1] != ':'))
                throw Bad($"'{text}' is not [address]:port");
            return (text[1..close], close + 1 < text.Length ? text[(close + 2)..] : null);
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon != text.LastIndexOf(':'))
            throw Bad($"the IPv6 address '{text}' must stand in brackets");
        return colon < 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }

    private static FormatException Bad(string problem) => new($"Relay:Redis:Endpoints: {problem}");
}
