using System.Text.Json;
using Relay.Node.Http;

namespace Relay.Node.Admin;

/// <summary>Refusals of the operators' interface, in the form of the server API's.</summary>
internal static class AdminAnswers
{
    public const string Done = "done";
    public const string NotFound = "NOT_FOUND";
    public const string Conflict = "CONFLICT";
    public const string Unavailable = "UNAVAILABLE";
    public const string Invalid = "INVALID_MESSAGE";

    /// <summary>Refuses with one of the codes above.</summary>
    public static Task RefuseActAsync(this HttpContext context, string code, string text) => context.JsonAsync(
        code switch
        {
            NotFound => StatusCodes.Status404NotFound,
            Conflict => StatusCodes.Status409Conflict,
            Unavailable => StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status400BadRequest,
        },
        json => ApiGuard.Error(json, code, text));

    /// <summary>What a node answers to an act that it does not do.</summary>
    public static byte[] Refusal(string code, string text) => AdminJson.Of(json =>
    {
        json.WriteString("code", code);
        json.WriteString("error", text);
    });

    /// <summary>The refusal in a node's answer; null when there is none.</summary>
    public static (string Code, string Text)? RefusalOf(JsonElement answer) => answer.TextOf("error") is { } text ? (answer.TextOf("code") ?? Unavailable, text) : null;

    /// <summary>The body as one JSON object; null when it is another, which is refused. An empty one is an object without members.</summary>
    public static async Task<JsonElement?> ReadActAsync(this HttpContext context)
    {
        if (context.Request.ContentLength is 0 || (context.Request.ContentLength is null && !context.Request.Headers.ContainsKey("Transfer-Encoding")))
        {
            return AdminJson.Parse("{}"u8.ToArray());
        }

        using var body = await ApiGuard.ReadObjectAsync(context);
        if (body is null)
        {
            await context.RefuseActAsync(Invalid, "The body must be one JSON object in UTF-8");
            return null;
        }

        return body.RootElement.Clone();
    }
}
