using System.Text.Json;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>Short words for looking into JSON.</summary>
internal static class Json
{
    public static JsonElement Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    /// <summary>A member that is a string; else null.</summary>
    public static string? Text(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static long Number(this JsonElement json, string name) => json.GetProperty(name).GetInt64();

    /// <summary>The names of an object's members, in their order.</summary>
    public static string Keys(this JsonElement json) => string.Join(',', json.EnumerateObject().Select(static member => member.Name));

    public static string Raw(this JsonElement json, string name) => json.GetProperty(name).GetRawText();
}
