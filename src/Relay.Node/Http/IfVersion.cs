using System.Text;
using System.Text.Json;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>Versioned publishes in the server API (protocols.md, <c>relay</c>): what a request expects of its key, and what a refusal says.</summary>
internal static class IfVersion
{
    /// <summary>Reads <c>if_version</c>; null when there is none.</summary>
    public static bool TryRead(JsonElement entry, string? key, out ExpectedVersion? version, ref string problem)
    {
        version = null;
        if (!entry.TryGetProperty("if_version", out var value))
        {
            return true;
        }

        version = value.ValueKind switch
        {
            JsonValueKind.Null => ExpectedVersion.NoValue,
            JsonValueKind.Number when value.TryGetInt64(out var offset) && offset >= 0 => new ExpectedVersion(default, offset),
            JsonValueKind.Object => Position(value),
            _ => null,
        };
        if (version is null)
        {
            problem = "if_version must be 0, or an object with epoch and offset as received";
            return false;
        }

        if (key is null)
        {
            problem = "if_version needs a key: the version is that of the key";
            return false;
        }

        return true;
    }

    /// <summary>Writes <c>current</c>: the version a key has, null for none.</summary>
    public static void WriteCurrent(Utf8JsonWriter json, StreamPosition current)
    {
        if (current.Offset == 0)
        {
            json.WriteNull("current");
            return;
        }

        json.WriteStartObject("current");
        json.WriteString("epoch", current.Epoch.ToString());
        json.WriteNumber("offset", current.Offset);
        json.WriteEndObject();
    }

    private static ExpectedVersion? Position(JsonElement value) =>
        value.TryGetProperty("epoch", out var name) && name.ValueKind == JsonValueKind.String && EventText.Of(name) is { } text
        && Epoch.TryParse(Encoding.UTF8.GetBytes(text), out var epoch)
        && value.TryGetProperty("offset", out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out var offset) && offset > 0
            ? new ExpectedVersion(epoch, offset)
            : null;
}
