using System.Text.Json;
using Relay.Actors.Security;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Http;

/// <summary>
/// <c>POST /api/v1/revoke</c> and <c>GET /api/v1/revocations</c> (docs/security.md): tokens that are not believed any more, on no node. For API keys with the right <c>admin</c>, also
/// where nobody else needs a credential.
/// </summary>
internal sealed partial class RevocationApi(Revocations revocations, ApiGuard guard, RelayOptions options, TimeProvider time, Admin.AuditLog audit, ILogger<RevocationApi> logger)
{
    private const int MaxIdLength = Auth.JwtClaims.MaxIdLength;

    private static readonly (string Member, RevokedBy By)[] Kinds = [("token_id", RevokedBy.Token), ("user", RevokedBy.User), ("session", RevokedBy.Session)];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var api = new RevocationApi(
            services.GetRequiredService<Revocations>(),
            services.GetRequiredService<ApiGuard>(),
            services.GetRequiredService<RelayOptions>(),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<Admin.AuditLog>(),
            services.GetRequiredService<ILogger<RevocationApi>>());
        routes.MapPost("/api/v1/revoke", api.RevokeAsync);
        routes.MapGet("/api/v1/revocations", api.ListAsync);
    }

    private async Task RevokeAsync(HttpContext context)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Admin, anonymous: false))
        {
            return;
        }

        using var body = await ApiGuard.ReadObjectAsync(context);
        if (Read(body, out var problem) is not { } revocation)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, ErrorCode.InvalidMessage, problem);
            return;
        }

        if (!revocations.TryAdd(revocation))
        {
            await context.UnavailableAsync($"{Revocations.Most} tokens, users and sessions are revoked already; entries go when their tokens have ended");
            return;
        }

        audit.Note(context, "revoke", $"{revocation.By.ToString().ToLowerInvariant()} {revocation.Value}", "done");
        LogRevoked(revocation.By, ConfigurationProblem.Printable(revocation.Value), ApiGuard.ScopeOf(context));
        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteBoolean("success", true);
            Write(json, revocation);
        });
    }

    private async Task ListAsync(HttpContext context)
    {
        if (!guard.AllowOrigin(context) || !await guard.AdmitAsync(context, Rights.Admin, anonymous: false))
        {
            return;
        }

        await context.JsonAsync(StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("revocations");
            foreach (var revocation in revocations.All)
            {
                json.WriteStartObject();
                Write(json, revocation);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private Revocation? Read(JsonDocument? body, out string problem)
    {
        problem = "The body must be one JSON object with token_id, user or session";
        if (body is null)
        {
            return null;
        }

        var named = Kinds.Where(kind => body.RootElement.TryGetProperty(kind.Member, out _)).ToList();
        if (named is not [var (member, by)])
        {
            return null;
        }

        if (body.RootElement.GetProperty(member) is not { ValueKind: JsonValueKind.String } value || EventText.Of(value) is not { Length: > 0 and <= MaxIdLength } id)
        {
            problem = $"{member} must be a text of 1 to {MaxIdLength} characters";
            return null;
        }

        var now = time.GetUtcNow().ToUnixTimeSeconds();
        if (!TrySeconds(body, "before", now, out var before) || !TrySeconds(body, "expires_at", long.MaxValue, out var ends))
        {
            problem = "before and expires_at are seconds since 1970-01-01 UTC";
            return null;
        }

        // Nobody is let in with a token that lives longer, so nothing of it is left then.
        var skew = (long)options.Auth.Jwt.ClockSkew.TotalSeconds;
        var longest = Math.Max(now, before) + (long)options.Auth.Jwt.LongestLife.TotalSeconds + (2 * skew);
        return new Revocation(by, id, before, by == RevokedBy.Token ? Math.Min(longest, ends > longest ? longest : ends + skew) : longest);
    }

    private static bool TrySeconds(JsonDocument body, string name, long usual, out long seconds)
    {
        seconds = usual;
        return !body.RootElement.TryGetProperty(name, out var value)
            || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out seconds) && seconds is >= 0 and < 253_402_300_000);
    }

    private static void Write(Utf8JsonWriter json, Revocation revocation)
    {
        json.WriteString(Kinds.FirstOrDefault(kind => kind.By == revocation.By).Member ?? "other", revocation.Value);
        json.WriteNumber("before", revocation.IssuedUntil);
        json.WriteNumber("forgotten_at", revocation.ForgottenAt);
    }

    [LoggerMessage(LogLevel.Information, "tokens revoked by {By}: {Value}; by key '{Holder}'")]
    private partial void LogRevoked(RevokedBy by, string value, string holder);
}
