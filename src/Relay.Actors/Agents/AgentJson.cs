using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Relay.Actors.Sessions;

namespace Relay.Actors.Agents;

/// <summary>The JSON that the relay itself writes about agents.</summary>
internal static class AgentJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Data of <c>agent.connected</c> and <c>agent.disconnected</c>.</summary>
    public static byte[] Announcement(string agentId, string clientId, string? sessionId) => Write(json =>
    {
        json.WriteString("agent_id", agentId);
        json.WriteString("client_id", clientId);
        if (!string.IsNullOrEmpty(sessionId))
        {
            json.WriteString("session_id", sessionId);
        }
    });

    /// <summary>Data of an <c>agent_response</c>.</summary>
    public static byte[] Response(string agentName, string content) => Write(json =>
    {
        json.WriteString("agent_name", agentName);
        json.WriteString("content", content);
        json.WriteString("status", "complete");
    });

    /// <summary>Data of an <c>agent_error</c>.</summary>
    public static byte[] AgentError(string requestId, string message) => Write(json =>
    {
        json.WriteString("request_id", requestId);
        json.WriteString("error", message);
    });

    /// <summary>An answer of an outside agent with the request it answers; false when <paramref name="answer"/> is no JSON object in UTF-8.</summary>
    public static bool TryAddRequestId(byte[] answer, string requestId, out byte[] data)
    {
        data = [];
        if (!Utf8.IsValid(answer))
        {
            return false;
        }

        var reader = new Utf8JsonReader(answer, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            using var document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.ValueKind != JsonValueKind.Object || reader.Read())
            {
                return false;
            }

            data = EventData.Text(answer, "request_id") is null ? Extend(document.RootElement, requestId) : answer;
            return true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Not JSON, something behind the object, or a string with lone surrogates.
            return false;
        }
    }

    /// <summary>Data of a webui <c>error</c> to all participants.</summary>
    public static byte[] Error(string code, string message, string details) => Write(json =>
    {
        json.WriteString("code", code);
        json.WriteString("message", message);
        json.WriteString("details", details);
    });

    /// <summary>What an agent backend is given: <c>{"request_id","session_id","user_id"?,"content","history":[…]}</c> (protocols.md, <c>webui</c>).</summary>
    public static byte[] Request(AgentRequest request) => Write(json =>
    {
        json.WriteString("request_id", request.RequestId);
        json.WriteString("session_id", request.SessionId);
        if (request.UserId is not null)
        {
            json.WriteString("user_id", request.UserId);
        }

        json.WriteString("content", request.Content);
        json.WriteStartArray("history");
        foreach (var line in request.History)
        {
            json.WriteStartObject();
            json.WriteString("role", line.Role);
            json.WriteString("content", line.Content);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static byte[] Extend(JsonElement answer, string requestId) => Write(json =>
    {
        foreach (var member in answer.EnumerateObject())
        {
            // An id that is no text would not be understood, and two members of one name are no JSON object to rely on.
            if (!member.NameEquals("request_id"))
            {
                member.WriteTo(json);
            }
        }

        json.WriteString("request_id", requestId);
    });

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }
}
