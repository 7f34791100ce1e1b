using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Relay.Protocol;

namespace Relay.Node.Configuration;

/// <summary>One address the node listens on.</summary>
/// <param name="Name">In configuration, logs and metrics.</param>
/// <param name="Url">As configured, e.g. <c>http://127.0.0.1:8080</c>; without a path.</param>
/// <param name="Address">What it means; port 0 = one the system chooses.</param>
/// <param name="Dialect">The client family of its WebSockets; null = chosen by subprotocol, path and query (<c>auto</c>).</param>
/// <param name="Tls">The certificate of an https listener; null for http.</param>
public sealed record ListenerOptions(string Name, string Url, IPEndPoint Address, DialectKind? Dialect, TlsOptions? Tls)
{
    private static readonly ListenerKind[] Known =
    [
        new("main", "http://127.0.0.1:8080", null),
        new("hooks", "http://127.0.0.1:8765", DialectKind.Hooks),
        new("context", "http://127.0.0.1:3849", DialectKind.Context),
    ];

    private static readonly ValueKind<DialectKind?> DialectWords =
        Kinds.Choice<DialectKind?>([("auto", null), .. DialectOptions.Names.Select(name => (name, (DialectKind?)Dialects.ByName(name)!.Profile.Kind))]);

    private static readonly ValueKind<ListenerUrl?> Urls = new("url", "http://127.0.0.1:8080", ListenerUrl.Parse, url => url?.ToString() ?? "");

    /// <summary>Whether every connection begins with the PROXY protocol's header.</summary>
    public bool ProxyProtocol { get; init; }

    /// <summary>The word of <see cref="Dialect"/> in configuration and logs.</summary>
    public string DialectName => DialectWords.Format(Dialect);

    internal static IReadOnlyList<ListenerOptions> ReadAll(SettingReader reader, string? contextPort, string? contextHost)
    {
        var contextUrl = ContextUrl(reader, contextPort, contextHost);
        var listeners = reader.ReadNamed("Listeners", "{name}", Known.Select(listener => listener.Name), open: true, (name, section) =>
        {
            var known = Known.FirstOrDefault(listener => listener.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            return Read(known?.Name ?? name, known, known?.Name is "context" ? contextUrl : known?.Url, section);
        });
        return [.. listeners.Values.OfType<ListenerOptions>()];
    }

    private static ListenerOptions? Read(string name, ListenerKind? known, string? usualUrl, SettingReader section)
    {
        _ = ListenerUrl.Parse(usualUrl ?? "", out var usual);
        var url = section.Read(
            "Url",
            Urls,
            usual,
            "Address to listen on: http or https, an IP address, localhost or * (every interface), a port; port 0 = choose one; empty = off.",
            string.Join("; ", Known.Select(listener => $"{listener.Name} {listener.Url}")));
        var dialect = section.Read(
            "Dialect",
            DialectWords,
            known?.Dialect,
            "Client family of its WebSockets; auto chooses by subprotocol, path and query.",
            string.Join("; ", Known.Select(listener => $"{listener.Name} {DialectWords.Format(listener.Dialect)}")));
        var proxyProtocol = section.Read("ProxyProtocol", Kinds.Choice([("off", false), ("required", true)]), false, "required: every connection begins with the PROXY protocol's header, version 1 or 2, of a proxy in Proxies:Networks; others are dropped.");
        var tls = TlsOptions.Read(section);
        if (url is null)
        {
            if (known is null && !section.IsSet("Url"))
            {
                section.Problem("Url", null, "a further listener needs an address", "http://127.0.0.1:8081");
            }

            return null;
        }

        if (url.UsesTls && tls.Certificate.Length == 0)
        {
            section.Problem("Tls:Certificate", null, "an https listener needs a certificate", "certs/relay.pem");
        }

        if (!url.UsesTls && tls.Certificate.Length > 0)
        {
            section.Problem("Url", url.ToString(), "Tls:Certificate is set, so the address must begin with https://", "https" + url.ToString()[4..]);
        }

        return new ListenerOptions(name, url.Text, url.Address, dialect, url.UsesTls ? tls : null) { ProxyProtocol = proxyProtocol };
    }

    /// <summary>The context listener's default address, moved by <c>WS_PORT</c> and <c>HOST</c>, which its operators are used to.</summary>
    private static string ContextUrl(SettingReader reader, string? port, string? host)
    {
        const string UsualHost = "127.0.0.1";
        const string UsualPort = "3849";
        if (!string.IsNullOrWhiteSpace(port)
            && !(int.TryParse(port.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= ushort.MaxValue))
        {
            reader.ForeignProblem("WS_PORT", ConfigurationProblem.Printable(port), "not a port (0 to 65535); it moves the context listener, e.g. WS_PORT=3849");
            port = null;
        }

        var hostText = string.IsNullOrWhiteSpace(host) ? UsualHost : host.Trim();
        var text = $"http://{(hostText.Contains(':', StringComparison.Ordinal) && hostText[0] != '[' ? $"[{hostText}]" : hostText)}"
            + $":{(string.IsNullOrWhiteSpace(port) ? UsualPort : port.Trim())}";
        if (ListenerUrl.Parse(text, out _) is null)
        {
            return text;
        }

        reader.ForeignProblem(
            "HOST",
            ConfigurationProblem.Printable(hostText),
            "not an IP address, localhost or *; it moves the context listener, e.g. HOST=0.0.0.0; unset it, or set Relay__Listeners__context__Url instead");
        return $"http://{UsualHost}:{UsualPort}";
    }

    private sealed record ListenerKind(string Name, string Url, DialectKind? Dialect);
}

/// <summary>An address to listen on, taken apart.</summary>
internal sealed record ListenerUrl(string Text, IPEndPoint Address, bool UsesTls)
{
    /// <summary>Null and the address (itself null when the text is empty: off), or what is wrong.</summary>
    /// <remarks>Other host names are refused: Kestrel would silently listen on every interface for them.</remarks>
    public static string? Parse(string text, out ListenerUrl? value)
    {
        value = null;
        var trimmed = text.Trim();
        if (trimmed.Length == 0)
        {
            return null;
        }

        var tls = trimmed.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (!tls && !trimmed.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            return "must begin with http:// or https:// (WebSocket clients use ws:// or wss:// with it)";
        }

        var rest = trimmed[(tls ? 8 : 7)..].TrimEnd('/');
        var colon = rest.LastIndexOf(':');
        if (colon <= 0 || rest.EndsWith(']'))
        {
            return "names no port, e.g. http://127.0.0.1:8080";
        }

        if (!int.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > ushort.MaxValue)
        {
            return "does not end with a port from 0 to 65535; a path is not part of it";
        }

        if (ParseHost(rest[..colon]) is not { } address)
        {
            return "the host must be an IP address (IPv6 in brackets), localhost or *";
        }

        value = new ListenerUrl($"{(tls ? "https" : "http")}://{rest}", new IPEndPoint(address, port), tls);
        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static IPAddress? ParseHost(string host) => host switch
    {
        "localhost" => IPAddress.Loopback,

        // Kestrel binds IPv6Any for both families.
        "*" or "+" => Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any,
        ['[', .. var inner, ']'] => IPAddress.TryParse(inner, out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6 ? v6 : null,

        // TryParse alone would take "1" for 0.0.0.1.
        _ => IPAddress.TryParse(host, out var v4) && v4.AddressFamily == AddressFamily.InterNetwork && host.Count(c => c == '.') == 3 ? v4 : null,
    };
}
