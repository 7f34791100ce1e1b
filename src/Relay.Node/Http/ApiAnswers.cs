using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Relay.Actors.Limits;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>JSON answers, written without reflection; every one with its length, none cached.</summary>
internal static class ApiAnswers
{
    /// <summary>Why a request was not answered: its channel was asked and said nothing.</summary>
    public const string NoAnswer = "The channel did not answer in time";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers with the object whose members <paramref name="members"/> writes.</summary>
    public static Task JsonAsync(this HttpContext context, int status, Action<Utf8JsonWriter> members) =>
        BytesAsync(context, status, "application/json", Object(members));

    /// <summary>Answers with an error that has nothing but its code and text.</summary>
    public static Task RefuseAsync(this HttpContext context, int status, ErrorCode code, string text) =>
        context.JsonAsync(status, json => ApiGuard.Error(json, code, text));

    /// <summary>Refuses for now: 503 and when to try again.</summary>
    public static Task UnavailableAsync(this HttpContext context, string text)
    {
        context.Response.Headers.RetryAfter = "1";
        return context.JsonAsync(StatusCodes.Status503ServiceUnavailable, json => ApiGuard.Unavailable(json, text));
    }

    /// <summary>Refuses because of a limit: 429 or 503, which limit it was, and when to try again.</summary>
    public static Task LimitedAsync(this HttpContext context, LimitRefusal refusal)
    {
        context.Response.Headers.RetryAfter = refusal.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return context.JsonAsync(refusal.Status, json => ApiGuard.Limited(json, refusal));
    }

    /// <summary>Answers with plain text.</summary>
    public static Task TextAsync(this HttpContext context, int status, string text) =>
        BytesAsync(context, status, "text/plain; charset=utf-8", System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>One JSON object.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> members)
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

    /// <summary>RFC 3339 with microseconds, UTC.</summary>
    public static string Rfc3339(long micros) => DateTimeOffset.UnixEpoch.AddMicroseconds(micros).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ");

    private static Task BytesAsync(HttpContext context, int status, string contentType, byte[] body)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        return response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }
}
