using System.Net;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;
using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Actors.Security;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>Who may call, from which pages, with which body: the same for every endpoint of the HTTP API.</summary>
internal sealed class ApiGuard(Authenticator authenticator, CertificateHolders certificates, DoorPolicies door, WebSocketServerOptions server, NodeLimits limits, TimeProvider time)
{
    /// <summary>As on the WebSocket.</summary>
    private const int RetryAfterMilliseconds = 1000;

    private readonly AccessRules _access = new(server.Namespaces, authenticator);

    /// <summary>
    /// True when the caller holds <paramref name="right"/>; else the refusal is on its way. Without <c>Auth:Required</c> anyone may, as on the
    /// WebSocket; a credential that is shown must be right even then. A page of another origin never may: a browser sends its simple requests without asking.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="right">What is needed.</param>
    /// <param name="anonymous">False = a credential is needed in any case.</param>
    public async Task<bool> AdmitAsync(HttpContext context, Rights right, bool anonymous = true)
    {
        if (IsForeign(context))
        {
            await context.JsonAsync(StatusCodes.Status403Forbidden, static json => Error(json, ErrorCode.NotAuthorized, "Origin not allowed"));
            return false;
        }

        var credential = Authenticator.FromHeader(context.Request.Headers.Authorization);
        var identity = credential is null ? certificates.Of(context) : authenticator.Identify(credential);
        if (identity is null && (credential is not null || authenticator.IsRequired || !anonymous))
        {
            if (credential is not null && authenticator.AwaitsKeys)
            {
                await context.UnavailableAsync("The keys that verify tokens are being fetched");
                return false;
            }

            context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.JsonAsync(StatusCodes.Status401Unauthorized, static json => Error(json, "UNAUTHORIZED", "A valid token or API key is required: Authorization: Bearer …"));
            return false;
        }

        if (identity is not null && !identity.Rights.HasFlag(right))
        {
            await context.JsonAsync(StatusCodes.Status403Forbidden, json => Error(json, ErrorCode.NotAuthorized, $"This credential lacks the right '{right.ToString().ToLowerInvariant()}'"));
            return false;
        }

        context.Items[typeof(Identity)] = identity;
        return true;
    }

    /// <summary>Whether a caller asks about this node alone: <c>scope=node</c>. Else it is asked about the whole cluster.</summary>
    public static bool IsOfNode(HttpContext context) => context.Request.Query["scope"] == "node";

    /// <summary>Whose publish ids a caller's are.</summary>
    public static string ScopeOf(HttpContext context) => IdentityOf(context)?.Subject ?? "";

    /// <summary>True when an admitted caller has a right to a channel. As on the WebSocket; but over HTTP nobody is an agent by name.</summary>
    public bool May(HttpContext context, ChannelRights right, string channel) => _access.May(right, Asker.Of(PrincipalOf(context)), channel);

    /// <summary>Why an admitted caller may not publish to a channel, or no longer, as in a request without an end; null when it may.</summary>
    public string? WhyNotPublish(HttpContext context, string channel)
    {
        var principal = PrincipalOf(context);
        return principal.ExpiresAt <= time.GetUtcNow() || !authenticator.IsGood(principal) ? "The token has ended or was revoked"
            : May(context, ChannelRights.Publish, channel) ? null
            : "Not authorized to publish to this channel";
    }

    /// <summary>What the limits say to an admitted caller's publishes; the same for the whole request.</summary>
    public PublishGate GateOf(HttpContext context)
    {
        if (context.Items[typeof(PublishGate)] is not PublishGate gate)
        {
            var principal = PrincipalOf(context);
            gate = new PublishGate(limits, limits.PayerOf(principal, AddressOf(context)) ?? limits.Strangers, principal.IsAuthenticated);
            context.Items[typeof(PublishGate)] = gate;
        }

        return gate;
    }

    /// <summary>The client's address; null where it is hidden behind a proxy that does not say it.</summary>
    public IPAddress? AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && !server.Proxies.Trusts(address) ? address : null;

    /// <summary>Who an admitted caller is.</summary>
    public static Principal PrincipalOf(HttpContext context) => IdentityOf(context)?.Principal ?? Principal.Anonymous;

    /// <summary>Which channels anyone may be told the names of: all where nobody needs a credential, else none.</summary>
    public bool ShowsNames => !authenticator.IsRequired;

    /// <summary>Refuses what <see cref="May"/> does not allow.</summary>
    public static Task RefuseAsync(HttpContext context) =>
        context.JsonAsync(StatusCodes.Status403Forbidden, static json => Error(json, ErrorCode.NotAuthorized, "Not authorized to read this channel"));

    /// <summary>True when an admitted caller may have a token for <paramref name="subject"/>: holders of a token only for who they are, or an agent could
    /// become any other. API keys name services, which hand tokens out.</summary>
    public bool MayIssueFor(HttpContext context, string subject) =>
        !authenticator.IsRequired || IdentityOf(context) is not { ExpiresAt: not null } holder || holder.Subject.Equals(subject, StringComparison.Ordinal);

    /// <summary>
    /// Lets pages of allowed origins read the answer (CORS); answers their preflight. False when the request is done with.
    /// </summary>
    public bool AllowOrigin(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || !door.Origins.Allows(origin, context.Request.Host.Value))
        {
            return true;
        }

        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.Vary = "Origin";
        if (!HttpMethods.IsOptions(context.Request.Method))
        {
            return true;
        }

        headers.AccessControlAllowMethods = "GET, POST, DELETE, OPTIONS";
        headers.AccessControlAllowHeaders = "Authorization, Content-Type, Last-Event-ID";
        headers.AccessControlMaxAge = "600";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return false;
    }

    /// <summary>True for a page of an origin that is not allowed.</summary>
    public bool IsForeign(HttpContext context) =>
        context.Request.Headers.TryGetValue(HeaderNames.Origin, out var origin) && !door.Origins.Allows(origin.ToString(), context.Request.Host.Value);

    /// <summary>The whole body; its size is bounded by <c>Limits:MaxRequestBodyBytes</c>.</summary>
    /// <exception cref="BadHttpRequestException">Too large, or cut off.</exception>
    public static async Task<byte[]> ReadBodyAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        return body.ToArray();
    }

    /// <summary>The body as one JSON object in UTF-8; null when it is anything else.</summary>
    public static async Task<JsonDocument?> ReadObjectAsync(HttpContext context)
    {
        var body = await ReadBodyAsync(context);
        if (!Utf8.IsValid(body))
        {
            // Payloads are passed on as they are, also to clients whose connection broken text would end.
            return null;
        }

        try
        {
            var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 64 });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException)
        {
            // Said by the caller, in its own words.
        }

        return null;
    }

    private static Identity? IdentityOf(HttpContext context) => context.Items[typeof(Identity)] as Identity;

    internal static void Error(Utf8JsonWriter json, ErrorCode code, string text) => Error(json, ErrorCodeName.Of(code), text);

    internal static void Error(Utf8JsonWriter json, string code, string text)
    {
        json.WriteBoolean("success", false);
        json.WriteString("code", code);
        json.WriteString("error", text);
    }

    /// <summary>What a limit refused.</summary>
    internal static void Limited(Utf8JsonWriter json, LimitRefusal refusal)
    {
        Error(json, refusal.Code, refusal.Text);
        json.WriteNumber("retry_after_ms", refusal.RetryAfterMilliseconds);
    }

    /// <summary>What cannot be done now and may be tried again.</summary>
    internal static void Unavailable(Utf8JsonWriter json, string text)
    {
        Error(json, ErrorCode.Unavailable, text);
        json.WriteNumber("retry_after_ms", RetryAfterMilliseconds);
    }
}
