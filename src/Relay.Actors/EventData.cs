using System.Text.Json;

namespace Relay.Actors;

/// <summary>Looks into payloads for the few members the relay itself understands. Whatever cannot be read is not there.</summary>
internal static class EventData
{
    /// <summary>A member of a JSON object as text: a string, or a number as it is written; null when there is none.</summary>
    public static string? Text(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var found = reader.ValueTextEquals(name);
                reader.Read();
                if (found)
                {
                    return reader.TokenType switch
                    {
                        JsonTokenType.String => reader.GetString(),
                        JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
                        _ => null,
                    };
                }

                reader.Skip();
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Not JSON, or a string with lone surrogates.
            return null;
        }

        return null;
    }

    /// <inheritdoc cref="Text(ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>
    public static string? Text(ReadOnlySpan<byte> json, string name)
    {
        Span<byte> utf8 = stackalloc byte[64];
        return Text(json, utf8[..System.Text.Encoding.UTF8.GetBytes(name, utf8)]);
    }
}
