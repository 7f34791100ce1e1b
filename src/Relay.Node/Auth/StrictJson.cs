using System.Text.Json;
using System.Text.Unicode;

namespace Relay.Node.Auth;

/// <summary>JSON in which two readers cannot see two things.</summary>
internal static class StrictJson
{
    /// <summary>
    /// No name twice (RFC 7515 §4 and RFC 7519 §4: "reject … duplicate"), no comments, no trailing commas. Depth 8: claims are flat, an
    /// <c>aud</c> list or a small private object nests once or twice.
    /// </summary>
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    /// <summary>
    /// The document when <paramref name="utf8"/> is one JSON object, else null. To be disposed. Escapes of unpaired surrogates are only found when the
    /// text is read: an <see cref="InvalidOperationException"/> then.
    /// </summary>
    public static JsonDocument? ParseObject(ReadOnlyMemory<byte> utf8)
    {
        // The parser leaves the inside of strings unread, and reading them later would throw.
        if (!Utf8.IsValid(utf8.Span))
        {
            return null;
        }

        try
        {
            var document = JsonDocument.Parse(utf8, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
