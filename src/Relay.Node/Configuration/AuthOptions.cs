using System.Buffers.Text;
using System.Text;

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

    internal static JwtOptions Read(SettingReader reader)
    {
        var options = new JwtOptions
        {
            Keys = reader.ReadList("Auth:Jwt:Keys", JwtKeyOptions.Read),
            Issuer = reader.Read("Auth:Jwt:Issuer", Kinds.Text, "", "The iss a token must carry; empty = not checked."),
            Audience = reader.Read("Auth:Jwt:Audience", Kinds.Text, "", "The aud a token must contain; empty = not checked."),
        };
        _ = reader.Read(
            "Auth:Jwt:JwksUrl",
            Kinds.NotYet(Kinds.Text.Called("url", "https://id.example.com/jwks.json"), "", "set Auth:Jwt:Keys:0:Secret and leave this empty"),
            "",
            "Address of a key set. Not available yet.");
        foreach (var kid in AuthOptions.Doubles(options.Keys.Select(key => key.Kid)))
        {
            reader.Problem("Auth:Jwt:Keys", null, $"two keys have the Kid '{kid}'", null);
        }

        return options;
    }
}

/// <summary>How a key signs. Pinned per key: the token's own word is only compared with it.</summary>
public enum JwtAlgorithm
{
    /// <summary>HMAC with SHA-256 (RFC 7518 §3.2).</summary>
    HS256,
}

/// <summary>One key that signs tokens.</summary>
/// <param name="Algorithm">How.</param>
/// <param name="Kid">The <c>kid</c> of its tokens; empty = tokens with any kid or none are tried against it.</param>
/// <param name="Secret">The key, as text, or as <c>base64url:…</c> or <c>base64:…</c>; see <see cref="SecretBytes"/>.</param>
public sealed record JwtKeyOptions(JwtAlgorithm Algorithm, string Kid, Secret Secret)
{
    /// <summary>RFC 7518 §3.2: a key as long as the hash or longer.</summary>
    internal const int LeastSecretBytes = 32;

    /// <summary>The key's bytes; null when the text claims to be base64 and is not.</summary>
    public static byte[]? SecretBytes(Secret secret)
    {
        var text = secret.Reveal();
        try
        {
            return text switch
            {
                _ when text.StartsWith("base64url:", StringComparison.Ordinal) => Base64Url.DecodeFromChars(text.AsSpan(10)),
                _ when text.StartsWith("base64:", StringComparison.Ordinal) => Convert.FromBase64String(text[7..]),
                _ => Encoding.UTF8.GetBytes(text),
            };
        }
        catch (FormatException)
        {
            return null;
        }
    }

    internal static JwtKeyOptions Read(SettingReader section)
    {
        var options = new JwtKeyOptions(
            section.Read("Alg", Kinds.Choice([("HS256", JwtAlgorithm.HS256)], "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"), JwtAlgorithm.HS256, "Algorithm of the key: HS256. Others are not available yet."),
            section.Read("Kid", Kinds.Text, "", "Tokens with this kid are checked with this key; empty = tokens with any kid or none."),
            section.Read("Secret", (Kinds.Secret with { Example = "base64url:…" }).Unless(Objection), Secret.None, "The key, at least 32 bytes: text, base64url:… or base64:…."));
        _ = section.Read("PublicKeyPem", Kinds.NotYet(Kinds.Text.Called("PEM", ""), "", "HS256 has no public key; set Secret"), "", "Public key of another algorithm. Not available yet.");
        if (options.Secret.IsEmpty && !section.IsSet("Secret"))
        {
            section.Problem("Secret", null, "a key needs its secret, at least 32 bytes", "base64url:…");
        }

        return options;
    }

    private static string? Objection(Secret secret) => SecretBytes(secret) switch
    {
        null => "not base64 behind its prefix",
        { Length: < LeastSecretBytes } bytes => $"has {bytes.Length} bytes; HS256 needs {LeastSecretBytes} or more (RFC 7518 §3.2)",
        _ => null,
    };
}

/// <summary>A service's key.</summary>
/// <param name="Name">In logs and as the subject of its connections.</param>
/// <param name="Key">The key.</param>
/// <param name="Rights">What its holder may do.</param>
public sealed record ApiKeyOptions(string Name, Secret Key, Rights Rights)
{
    private const int LeastKeyLength = 16;

    private static readonly (string Word, Rights Right)[] Words =
        [("publish", Rights.Publish), ("subscribe", Rights.Subscribe), ("admin", Rights.Admin), ("metrics", Rights.Metrics)];

    internal static ApiKeyOptions Read(SettingReader section)
    {
        var options = new ApiKeyOptions(
            section.Read("Name", Kinds.Text.Called("text", "billing"), "", "Name of the key in logs and as the subject of its connections."),
            section.Read(
                "Key",
                (Kinds.Secret with { Example = "…" }).Unless(key => key.Reveal().Length >= LeastKeyLength ? null : $"shorter than {LeastKeyLength} characters"),
                Secret.None,
                "The key, at least 16 characters; travels as Authorization: Bearer."),
            section.Read("Rights", new ValueKind<Rights>("list", "publish,subscribe", ParseRights, FormatRights), Rights.Publish | Rights.Subscribe, "What its holder may do: publish, subscribe, admin, metrics."));
        if (options.Name.Length == 0)
        {
            section.Problem("Name", null, "a key needs a name", "billing");
        }

        if (options.Key.IsEmpty && !section.IsSet("Key"))
        {
            section.Problem("Key", null, "the key itself is missing", "…");
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
