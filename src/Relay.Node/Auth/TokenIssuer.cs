using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Relay.Actors.Connections;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>The answer of <c>POST /api/auth/token</c>.</summary>
/// <param name="Token">A JSON Web Token.</param>
/// <param name="ExpiresIn">Seconds it is valid.</param>
public sealed record IssuedToken(string Token, int ExpiresIn);

/// <summary>
/// Issues the tokens of <c>POST /api/auth/token</c> (protocols.md, <c>context</c>): <c>sub</c> the agent, <c>sid</c> the session, valid for an hour, with a
/// <c>jti</c> to revoke it by.
/// Signed with the first configured key, or with one of this process' own. Immutable and thread-safe.
/// </summary>
public sealed class TokenIssuer
{
    /// <summary>Seconds a token is valid; fixed by the protocol's <c>expires_in</c>.</summary>
    public const int LifetimeSeconds = 3600;

    /// <summary>Longest id, as for <see cref="JwtClaims"/>.</summary>
    public const int MaxIdLength = JwtClaims.MaxIdLength;

    private const int TokenIdBytes = 12;

    private readonly SigningKey? _key;
    private readonly byte[] _header;
    private readonly string _issuer;
    private readonly string _audience;
    private readonly TimeProvider _time;

    internal TokenIssuer(JwtOptions options, SigningKey? key, TimeProvider time)
    {
        _key = key;
        _issuer = options.Issuer;
        _audience = options.Audience;
        _time = time;
        _header = key is null ? [] : Json(writer =>
        {
            writer.WriteString("alg"u8, key.Algorithm.ToString());
            writer.WriteString("typ"u8, "JWT"u8);
            if (key.KeyId is not null)
            {
                writer.WriteString("kid"u8, key.KeyId);
            }
        });
    }

    /// <summary>False when every key known is a public one: tokens come from elsewhere.</summary>
    public bool CanIssue => _key is not null;

    /// <summary>Issues a token for one agent.</summary>
    /// <param name="agentId">Not empty, at most <see cref="MaxIdLength"/> characters: longer ones would not be verified.</param>
    /// <param name="sessionId">At most <see cref="MaxIdLength"/> characters; null or empty = none.</param>
    /// <param name="maker">Who asks for it: what its credentials leave out, the token leaves out as well. Null = nobody in particular.</param>
    /// <exception cref="InvalidOperationException">There is no key to sign with, see <see cref="CanIssue"/>.</exception>
    /// <exception cref="ArgumentException">An id is empty, too long, or no Unicode text.</exception>
    public IssuedToken Issue(string agentId, string? sessionId, Principal? maker = null)
    {
        var key = _key ?? throw new InvalidOperationException("There is no key to sign with.");
        ArgumentException.ThrowIfNullOrEmpty(agentId);
        CheckId(agentId, nameof(agentId));
        CheckId(sessionId ?? "", nameof(sessionId));
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        var payload = Json(writer =>
        {
            writer.WriteString("sub"u8, agentId);
            if (!string.IsNullOrEmpty(sessionId))
            {
                writer.WriteString("sid"u8, sessionId);
            }

            if (_issuer.Length > 0)
            {
                writer.WriteString("iss"u8, _issuer);
            }

            if (_audience.Length > 0)
            {
                writer.WriteString("aud"u8, _audience);
            }

            if (maker is not null)
            {
                GrantClaims.Write(writer, maker.Grants, maker.Forced);
            }

            writer.WriteString("jti"u8, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(TokenIdBytes)));
            writer.WriteNumber("iat"u8, now);
            writer.WriteNumber("exp"u8, now + LifetimeSeconds);
        });
        return new IssuedToken(CompactJws.Write(_header, payload, key), LifetimeSeconds);
    }

    private static void CheckId(string id, string parameter)
    {
        // An unpaired surrogate is read and written as U+FFFD, which is the same for all of them: a token for somebody else.
        if (id.Length > MaxIdLength || id.EnumerateRunes().Any(rune => rune == Rune.ReplacementChar))
        {
            throw new ArgumentException($"An id has at most {MaxIdLength} characters and is Unicode text.", parameter);
        }
    }

    private static byte[] Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
