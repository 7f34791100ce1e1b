using System.Security.Cryptography;
using System.Text;

namespace Relay.Node.Page;

/// <summary>
/// One self-contained HTML document with its headers. Style and script stand in the document itself, so that a single request brings the page, and
/// are allowed by their hashes (CSP level 3, 6.7.3.3) rather than by <c>'unsafe-inline'</c>: a text that got into the page could never run. Immutable.
/// </summary>
internal sealed class PageDocument
{
    private PageDocument(byte[] body, string policy, string tag)
    {
        Body = body;
        ContentSecurityPolicy = policy;
        ETag = tag;
    }

    /// <summary>UTF-8.</summary>
    public byte[] Body { get; }

    /// <summary>Nothing but the document's own style and script, and connections to where it came from.</summary>
    public string ContentSecurityPolicy { get; }

    /// <summary>Strong, quoted: changes with the bytes.</summary>
    public string ETag { get; }

    /// <summary>The document embedded in the program.</summary>
    /// <exception cref="InvalidOperationException">The program was built without it.</exception>
    public static PageDocument Load(string resource)
    {
        using var stream = typeof(PageDocument).Assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"The program lacks its resource '{resource}'.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return Create(bytes.ToArray());
    }

    /// <summary>A document with exactly one <c>&lt;style&gt;</c> and one <c>&lt;script&gt;</c>, both without attributes.</summary>
    /// <exception cref="InvalidOperationException">One of them is missing.</exception>
    public static PageDocument Create(byte[] html)
    {
        var text = Encoding.UTF8.GetString(html);
        var policy = string.Join(
            "; ",
            "default-src 'none'",
            $"style-src 'sha256-{Hash(Inside(text, "style"))}'",
            $"script-src 'sha256-{Hash(Inside(text, "script"))}'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'");
        return new PageDocument(html, policy, $"\"{Convert.ToHexStringLower(SHA256.HashData(html))[..32]}\"");
    }

    private static string Hash(string content) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    private static string Inside(string html, string element)
    {
        var begin = html.IndexOf($"<{element}>", StringComparison.Ordinal);
        var end = html.IndexOf($"</{element}>", StringComparison.Ordinal);
        return begin >= 0 && end > begin
            ? html[(begin + element.Length + 2)..end]
            : throw new InvalidOperationException($"The page has no <{element}> element.");
    }
}
