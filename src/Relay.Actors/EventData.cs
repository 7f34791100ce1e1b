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
                    return TextOf(ref reader);
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

    /// <summary>
    /// What a task's payload says of it, in one pass: its <c>id</c>, else its <c>task_id</c>, and its <c>status</c>, which may be left out where there is
    /// no id; null what is not there.
    /// </summary>
    public static (string? Id, string? Status) Task(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("id\""u8) < 0 && !json.Contains((byte)'\\'))
        {
            // Neither member, not even in escapes: no need to read it.
            return default;
        }

        string? id = null;
        string? taskId = null;
        string? status = null;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return default;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isId = reader.ValueTextEquals("id"u8);
                var isTaskId = !isId && reader.ValueTextEquals("task_id"u8);
                var isStatus = !isId && !isTaskId && reader.ValueTextEquals("status"u8);
                reader.Read();
                if (isId)
                {
                    id ??= TextOf(ref reader);
                }
                else if (isTaskId)
                {
                    taskId ??= TextOf(ref reader);
                }
                else if (isStatus)
                {
                    status ??= TextOf(ref reader);
                }

                reader.Skip();
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Not JSON, or a string with lone surrogates: what was read before it counts.
            return (id ?? taskId, status);
        }

        return (id ?? taskId, status);
    }

    private static string? TextOf(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
        _ => null,
    };
}
