using Relay.Actors.Security;
using Relay.Node.Auth;
using Relay.Node.WebSockets;

namespace Relay.Node.Configuration;

/// <summary>What an API key's holder may do.</summary>
[Flags]
public enum Rights
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Publish events.</summary>
    Publish = 1,

    /// <summary>Subscribe, read history and presence.</summary>
    Subscribe = 2,

    /// <summary>Act on other clients: disconnect, subscribe and unsubscribe them, list nodes.</summary>
    Admin = 4,

    /// <summary>Read <c>/metrics</c>.</summary>
    Metrics = 256,
}

/// <summary>Who may enter.</summary>
public sealed record AuthOptions
{
    /// <summary>Nobody passes without a token or key.</summary>
    public bool Required { get; init; }

    /// <summary>Said aloud: anyone may enter although a listener is open to the network.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>JSON Web Tokens.</summary>
    public JwtOptions Jwt { get; init; } = new();

    /// <summary>Keys of services.</summary>
    public IReadOnlyList<ApiKeyOptions> ApiKeys { get; init; } = [];

    /// <summary>Takes a token or key in the query string as well.</summary>
    public bool TokenInQuery { get; init; }

    /// <summary>Host names by which this node may be asked; empty = any.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Web origins whose pages may connect, besides the node's own; <c>*</c> = all.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    internal static AuthOptions Read(SettingReader reader)
    {
        var options = new AuthOptions
        {
            Required = reader.Read("Auth:Required", Kinds.Flag, false, "Whether every client needs a token or key; a listener open to the network needs this or AllowAnonymous."),
            AllowAnonymous = reader.Read("Auth:AllowAnonymous", Kinds.Flag, false, "Says aloud that anyone may enter although a listener is open to the network."),
            Jwt = JwtOptions.Read(reader),
            ApiKeys = reader.ReadList("Auth:ApiKeys", ApiKeyOptions.Read),
            TokenInQuery = reader.Read("Auth:TokenInQuery", Kinds.Flag, false, "Whether a token or key is also taken from the query string (?token= or ?access_token=), where proxies and browsers may write it down; for pages with EventSource, which can send no header."),
            Hosts = reader.ReadValues("Auth:Hosts", Host, "", "Host by which this node may be asked: a name, *.name for what is below it, or an address, each with or without :port; none = any. Others are refused with 400, so that a page cannot reach the node under a name of its own (DNS rebinding)."),
            Origins = reader.ReadValues("Auth:Origins", Origin, "", "Web origin whose pages may connect, besides the node's own pages and pages of this machine; exactly as browsers write it, e.g. https://app.example.com; * = any."),
        };
        if (options.Required && options.AllowAnonymous)
        {
            reader.Problem("Auth:AllowAnonymous", "true", "contradicts Auth:Required=true", "false");
        }

        foreach (var name in Doubles(options.ApiKeys.Select(key => key.Name)))
        {
            reader.Problem("Auth:ApiKeys", null, $"two keys are named '{name}'", null);
        }

        return options;
    }

    /// <summary>scheme://host[:port] as a browser sends it: lower case, no path, no default port (RFC 6454 §6.2).</summary>
    private static ValueKind<string> Origin { get; } = Kinds.Text.Called("origin", "https://app.example.com").Unless(text =>
        text is "*" || (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.Ordinal) && url.UserInfo.Length == 0 && url.Host.Length > 0)
            ? null
            : "not an origin as a browser sends it: scheme://host[:port] in lower case, without path, slash or default port");

    private static ValueKind<string> Host { get; } = Kinds.Text.Called("host", "relay.example.com").Unless(static text => HostPolicy.IsValid(text)
        ? null
        : "not a host as the Host header has it: relay.example.com, *.example.com, 192.0.2.1:8080, [2001:db8::1]");

    internal static IEnumerable<string> Doubles(IEnumerable<string> names) =>
        names.Where(name => name.Length > 0).GroupBy(name => name, StringComparer.Ordinal).Where(group => group.Count() > 1).Select(group => group.Key);
}

/// <summary>Which tokens are believed.</summary>
public sealed record JwtOptions
{
    /// <summary>Keys that sign them; the first one also signs the tokens this node issues.</summary>
    public IReadOnlyList<JwtKeyOptions> Keys { get; init; } = [];

    /// <summary>The <c>iss</c> they must carry; empty = any.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>The <c>aud</c> they must contain; empty = any.</summary>
    public string Audience { get; init; } = "";

    /// <summary>Difference of clocks forgiven in <c>exp</c>, <c>nbf</c> and the life of a token.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Tokens that end later than so long from now are refused; revocations are remembered for so long.</summary>
    public TimeSpan LongestLife { get; init; } = TimeSpan.FromDays(366);

    /// <summary>Address of the issuer's key set; empty = none.</summary>
    public string JwksUrl { get; init; } = "";

    /// <summary>Between two fetches of it.</summary>
    public TimeSpan JwksRefresh { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Least time between a fetch and one that a token with an unknown key asks for.</summary>
    public TimeSpan JwksPause { get; init; } = TimeSpan.FromSeconds(10);

    internal static JwtOptions Read(SettingReader reader)
    {
        var skew = TimeSpan.FromSeconds(60);
        var options = new JwtOptions
        {
            Keys = reader.ReadList("Auth:Jwt:Keys", JwtKeyOptions.Read),
            Issuer = reader.Read("Auth:Jwt:Issuer", Kinds.Text, "", "The iss a token must carry; empty = not checked."),
            Audience = reader.Read("Auth:Jwt:Audience", Kinds.Text, "", "The aud a token must contain; empty = not checked."),
            ClockSkew = reader.Read("Auth:Jwt:ClockSkew", Kinds.Duration(TimeSpan.Zero, TimeSpan.FromMinutes(5)), skew, "Difference between the issuer's clock and this node's that is forgiven."),
            LongestLife = reader.Read("Auth:Jwt:LongestLife", Kinds.Duration(TimeSpan.FromMinutes(1), TimeSpan.FromDays(3660)), TimeSpan.FromDays(366), "Tokens that end later than so long from now are refused, and revocations are remembered for so long. The same on every node."),
            JwksUrl = reader.Read("Auth:Jwt:JwksUrl", Kinds.HttpUrl.Called("url", "https://id.example.com/jwks.json"), "", "Address of the issuer's key set (RFC 7517); its RS256 and ES256 keys are believed besides those of Auth:Jwt:Keys. Needs Auth:Jwt:Issuer or Auth:Jwt:Audience."),
            JwksRefresh = reader.Read("Auth:Jwt:JwksRefresh", Kinds.Duration(TimeSpan.FromSeconds(10), TimeSpan.FromDays(1)), TimeSpan.FromMinutes(10), "How often the key set is fetched again."),
            JwksPause = reader.Read("Auth:Jwt:JwksPause", Kinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)), TimeSpan.FromSeconds(10), "Least time between a fetch and one that a token with an unknown kid asks for."),
        };
        var insecure = reader.Read("Auth:Jwt:JwksInsecure", Kinds.Flag, false, "Says aloud that the key set may be fetched over http from another machine: whoever is between can then make tokens.");
        if (options.JwksUrl.Length > 0)
        {
            CheckJwks(reader, options, insecure);
        }

        foreach (var kid in AuthOptions.Doubles(options.Keys.Select(key => key.Kid)))
        {
            reader.Problem("Auth:Jwt:Keys", null, $"two keys have the Kid '{kid}'", null);
        }

        return options;
    }

    private static void CheckJwks(SettingReader reader, JwtOptions options, bool insecure)
    {
        if (Uri.TryCreate(options.JwksUrl, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback && !insecure)
        {
            reader.Problem("Auth:Jwt:JwksUrl", "http://…", "keys fetched over http can be exchanged on the way; use https, or say aloud that it may be: Auth:Jwt:JwksInsecure=true", "https://id.example.com/jwks.json");
        }

        if (options.Issuer.Length == 0 && options.Audience.Length == 0)
        {
            reader.Problem("Auth:Jwt:JwksUrl", "…", "an issuer's keys sign tokens for others as well; set Auth:Jwt:Issuer or Auth:Jwt:Audience to tell which are for this relay", null);
        }
    }
}

/// <summary>How a key signs. Pinned per key: the token's own word is only compared with it.</summary>
public enum JwtAlgorithm
{
    /// <summary>HMAC with SHA-256 (RFC 7518 §3.2).</summary>
    HS256,

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).</summary>
    RS256,

    /// <summary>ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).</summary>
    ES256,
}

/// <summary>One key that signs tokens.</summary>
/// <param name="Algorithm">How.</param>
/// <param name="Kid">The <c>kid</c> of its tokens; empty = tokens with any kid or none are tried against it.</param>
/// <param name="Secret">HS256: the key, as text, or as <c>base64url:…</c> or <c>base64:…</c>; see <see cref="SecretBytes"/>.</param>
public sealed record JwtKeyOptions(JwtAlgorithm Algorithm, string Kid, Secret Secret)
{
    /// <summary>RS256, ES256: the public key or a certificate in PEM; a private key also signs.</summary>
    public string PublicKeyPem { get; init; } = "";

    /// <summary>A file with the secret or the PEM; empty = it is in the configuration itself.</summary>
    public string File { get; init; } = "";

    /// <summary>The key's bytes; null when the text claims to be base64 and is not.</summary>
    public static byte[]? SecretBytes(Secret secret) => KeyMaterial.SecretBytes(secret.Reveal());

    internal static JwtKeyOptions Read(SettingReader section)
    {
        var options = new JwtKeyOptions(
            section.Read("Alg", Kinds.Choice([("HS256", JwtAlgorithm.HS256), ("RS256", JwtAlgorithm.RS256), ("ES256", JwtAlgorithm.ES256)], "HS384", "HS512", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384", "ES512", "EdDSA"), JwtAlgorithm.HS256, "Algorithm of the key; a token's own word is only compared with it."),
            section.Read("Kid", Kinds.Text, "", "Tokens with this kid are checked with this key; empty = tokens with any kid or none."),
            section.Read("Secret", Kinds.Secret with { Example = "base64url:…" }, Secret.None, "HS256: the key, at least 32 bytes: text, base64url:… or base64:…."))
        {
            PublicKeyPem = section.Read("PublicKeyPem", Kinds.Text.Called("PEM", "-----BEGIN PUBLIC KEY-----…") with { Show = static _ => "…" }, "", "RS256, ES256: the public key or certificate; \\n may stand for a line end. A private key here also signs the tokens this node issues."),
            File = section.Read("File", Kinds.Text.Called("path", "keys/relay.pem"), "", "File with the secret or the PEM, in place of Secret or PublicKeyPem; read again when it changes."),
        };
        Check(section, options);
        return options;
    }

    private static void Check(SettingReader section, JwtKeyOptions options)
    {
        var isSecret = options.Algorithm == JwtAlgorithm.HS256;
        var (key, other) = isSecret ? ("Secret", "PublicKeyPem") : ("PublicKeyPem", "Secret");
        if (section.IsSet(other))
        {
            section.Problem(other, null, $"is not for {options.Algorithm}; set {key}, or another Alg", null);
        }
        else if (options.File.Length > 0 && section.IsSet(key))
        {
            section.Problem("File", options.File, $"stands in place of {key}; set one of the two", null);
        }
        else if (options.File.Length == 0 && !section.IsSet(key))
        {
            section.Problem(key, null, isSecret ? "a key needs its secret, at least 32 bytes" : "a key needs its public key", isSecret ? "base64url:…" : "-----BEGIN PUBLIC KEY-----…");
        }
        else if (KeyMaterial.Read(options, out var problem) is null)
        {
            section.Problem(options.File.Length > 0 ? "File" : key, options.File.Length > 0 ? options.File : "***", problem!, null);
        }
    }
}

/// <summary>A service's key.</summary>
/// <param name="Name">In logs and as the subject of its connections.</param>
/// <param name="Key">The key.</param>
/// <param name="Rights">What its holder may do.</param>
public sealed record ApiKeyOptions(string Name, Secret Key, Rights Rights)
{
    /// <summary>In place of the key: what <c>--hash-key</c> makes of it; empty = the key itself is configured.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Channels and patterns its rights are for; none = all.</summary>
    public IReadOnlyList<string> Channels { get; init; } = [];

    internal const int LeastKeyLength = 16;

    private static readonly (string Word, Rights Right)[] Words =
        [("publish", Rights.Publish), ("subscribe", Rights.Subscribe), ("admin", Rights.Admin), ("metrics", Rights.Metrics)];

    internal static ValueKind<Rights> AnyRights { get; } = new("list", "publish,subscribe", ParseRights, FormatRights);

    internal static ApiKeyOptions Read(SettingReader section)
    {
        var options = new ApiKeyOptions(
            section.Read("Name", Kinds.Text.Called("text", "billing"), "", "Name of the key in logs and as the subject of its connections."),
            section.Read(
                "Key",
                (Kinds.Secret with { Example = "…" }).Unless(key => key.Reveal().Length >= LeastKeyLength ? null : $"shorter than {LeastKeyLength} characters"),
                Secret.None,
                "The key, at least 16 characters; travels as Authorization: Bearer."),
            section.Read("Rights", AnyRights, Rights.Publish | Rights.Subscribe, "What its holder may do: publish, subscribe (which includes history and presence), admin, metrics."))
        {
            Hash = section.Read("Hash", Kinds.Text.Called("hash", "sha256:…").Unless(static text => text.Length == 0 || ApiKeys.ParseHash(text) is not null ? null : "not sha256: and 64 hexadecimal digits; --new-key makes a key with its hash, --hash-key the hash of one"), "", "Hash of the key in place of the key, so that who reads the configuration cannot use it; --new-key makes both."),
            Channels = section.Read("Channels", Kinds.Texts, [], "Channels and patterns its rights are for, e.g. topics/deploy/**,users/*; none = all."),
        };
        foreach (var channels in options.Channels.Where(static text => !ChannelGrants.IsValid(text)))
        {
            section.Problem("Channels", ConfigurationProblem.Printable(channels), "is neither a channel's name nor a pattern", "topics/deploy/**");
        }

        if (options.Channels.Count > ChannelGrants.MaxEntries)
        {
            section.Problem("Channels", null, $"more than {ChannelGrants.MaxEntries} entries", null);
        }

        if (options.Name.Length == 0)
        {
            section.Problem("Name", null, "a key needs a name", "billing");
        }

        if (options.Key.IsEmpty && !section.IsSet("Key") && !section.IsSet("Hash"))
        {
            section.Problem("Key", null, "the key itself is missing, or its Hash", "…");
        }
        else if (section.IsSet("Key") && section.IsSet("Hash"))
        {
            section.Problem("Hash", null, "stands in place of Key; set one of the two", null);
        }

        return options;
    }

    private static string FormatRights(Rights rights) =>
        string.Join(',', Words.Where(word => rights.HasFlag(word.Right)).Select(word => word.Word));

    private static string? ParseRights(string text, out Rights value)
    {
        value = Rights.None;
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var word = Words.FirstOrDefault(word => word.Word.Equals(part, StringComparison.OrdinalIgnoreCase));
            if (word.Word is null)
            {
                return $"'{ConfigurationProblem.Printable(part)}' is not one of publish, subscribe, admin, metrics{Nearest.Hint(part, Words.Select(known => known.Word))}";
            }

            value |= word.Right;
        }

        return value == Rights.None ? "names no right" : null;
    }
}
