using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <summary>
/// Ends connections whose token has ended or was revoked, within a second; native clients are told of the end before. Where nobody needs a token its end takes nothing
/// away, and the connection outlives it, as in the relays replaced. Owned by the keep-alive walk.
/// </summary>
internal sealed class CredentialWatch(ConnectionServices services)
{
    /// <summary>Time for a native client to get a new token.</summary>
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(60);

    /// <summary>True when the connection was closed.</summary>
    public bool Ends(ClientConnection connection)
    {
        var principal = connection.Principal;
        var version = services.Revocations.Version + services.Authenticator.Version;
        if (connection.SeenRevocations != version)
        {
            connection.SeenRevocations = version;
            if (services.Revocations.Concern(principal) || !services.Authenticator.IsGood(principal))
            {
                connection.Close(CloseCode.Unauthorized, principal.IsService ? "Key withdrawn" : "Token revoked");
                return true;
            }
        }

        return principal.ExpiresAt is { } end && services.Authenticator.IsRequired && EndsAt(connection, principal, end);
    }

    private bool EndsAt(ClientConnection connection, Principal principal, DateTimeOffset end)
    {
        var left = end - services.Time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            connection.Close(CloseCode.Unauthorized, "Token expired: connect again with a new one");
            return true;
        }

        if (left <= Notice && connection.Dialect.Profile.IsNative && connection.WarnedOf != principal)
        {
            connection.WarnedOf = principal;
            connection.Send(new TokenExpiringMessage { TimestampMicros = services.Time.NowMicros(), ExpiresAtMilliseconds = end.ToUnixTimeMilliseconds() });
        }

        return false;
    }
}
