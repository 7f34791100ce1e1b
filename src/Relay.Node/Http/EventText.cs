using System.Text.Json;

namespace Relay.Node.Http;

/// <summary>Strings of requests.</summary>
internal static class EventText
{
    /// <summary>The string's text; null when its escapes make no valid Unicode (a lone surrogate).</summary>
    public static string? Of(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
