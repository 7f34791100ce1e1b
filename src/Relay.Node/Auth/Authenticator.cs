using System.Collections.Frozen;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>
/// Checks the credentials clients bring: JSON Web Tokens and API keys. Whatever is wrong with one, the answer is the same null. What it believes is one snapshot, exchanged whole when the
/// configuration is read again. Thread-safe.
/// </summary>
public sealed class Authenticator : IAuthenticator
{
    private readonly TimeProvider _time;
    private readonly Revocations _revocations;
    private readonly SigningKey? _own;
    private Belief _belief;
    private IReadOnlySet<object> _withdrawn = FrozenSet<object>.Empty;
    private int _version;

    /// <summary>Checks by <paramref name="options"/>, which must have passed validation.</summary>
    public Authenticator(AuthOptions options, TimeProvider time, Revocations? revocations = null)
    {
        _time = time;
        _revocations = revocations ?? new Revocations(time);
        var configured = KeysOf(options);
        UsesOwnKey = configured.Count == 0 && options.Jwt.JwksUrl.Length == 0;
        if (UsesOwnKey)
        {
            _own = SigningKey.Random();
            configured.Add(_own);
        }

        IsRequired = options.Required;
        Ring = new KeyRing(configured, options.Jwt.JwksUrl.Length > 0, options.Jwt.JwksPause, time);
        _belief = BeliefOf(options, configured, new ApiKeys(options.ApiKeys));
    }

    /// <inheritdoc/>
    public bool IsRequired { get; }

    /// <inheritdoc/>
    public bool AwaitsKeys => Ring.AwaitsKeys;

    /// <inheritdoc/>
    public int Version => Volatile.Read(ref _version);

    /// <summary>True when no key was configured at the start: tokens are signed with a random one and die with this process.</summary>
    public bool UsesOwnKey { get; }

    /// <summary>Issues tokens that this authenticator accepts now.</summary>
    public TokenIssuer Issuer => Volatile.Read(ref _belief).Issuer;

    internal KeyRing Ring { get; }

    /// <inheritdoc/>
    public Principal? Verify(string credential) => Identify(credential)?.Principal;

    /// <summary>Like <see cref="Verify"/>, with what it may do at all.</summary>
    public Identity? Identify(string credential)
    {
        if (string.IsNullOrEmpty(credential))
        {
            return null;
        }

        var belief = Volatile.Read(ref _belief);
        if (belief.Keys.Find(credential) is { } holder)
        {
            return holder;
        }

        // A token names a user or agent; what it may do beyond publishing and subscribing is for API keys with the right.
        return belief.Tokens.Verify(credential) is { } claims && claims.ToPrincipal() is var principal && IsGood(principal)
            ? new Identity(principal, Rights.Publish | Rights.Subscribe)
            : null;
    }

    /// <inheritdoc/>
    public bool IsGood(Principal principal) => !_revocations.Concern(principal) && !Volatile.Read(ref _withdrawn).Contains(principal);

    /// <summary>
    /// Makes ready for other keys; the result believes them. Connections of API keys that are gone, or changed, are no longer good. Whether credentials are required, and where keys are fetched, stays.
    /// </summary>
    /// <exception cref="InvalidOperationException">A key's file cannot be read.</exception>
    public Action Prepare(AuthOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var configured = KeysOf(options);
        if (configured.Count == 0 && _own is not null)
        {
            configured.Add(_own);
        }

        var before = Volatile.Read(ref _belief).Keys;
        var next = BeliefOf(options, configured, new ApiKeys(options.ApiKeys, before));
        return () =>
        {
            Ring.Configure(configured);
            Volatile.Write(ref _belief, next);
            var gone = next.Keys.Missing(before).ToList();
            if (gone.Count > 0)
            {
                Volatile.Write(ref _withdrawn, _withdrawn.Concat(gone).ToHashSet(ReferenceEqualityComparer.Instance!));
                Volatile.Write(ref _version, _version + 1);
            }
        };
    }

    /// <summary>The credential of an <c>Authorization</c> header; null when it is not <c>Bearer …</c> (RFC 6750 §2.1; the scheme's case does not matter).</summary>
    public static string? FromHeader(string? authorization)
    {
        const string Scheme = "Bearer ";
        return authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? authorization[Scheme.Length..].Trim() is { Length: > 0 } credential ? credential : null
            : null;
    }

    // A file may have changed since it was checked; a key that is no key any more is a failure.
    private static List<SigningKey> KeysOf(AuthOptions options) =>
        [.. options.Jwt.Keys.Select(static key => KeyMaterial.Read(key, out var problem) ?? throw new InvalidOperationException("Relay:Auth:Jwt:Keys: " + problem))];

    private Belief BeliefOf(AuthOptions options, List<SigningKey> configured, ApiKeys keys) => new(
        new JwtVerifier(options.Jwt, Ring, _time), keys, new TokenIssuer(options.Jwt, configured.Find(static key => key.CanSign), _time));

    private sealed record Belief(JwtVerifier Tokens, ApiKeys Keys, TokenIssuer Issuer);
}
