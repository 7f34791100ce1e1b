using Relay.Actors.Connections;

namespace Relay.Actors.Security;

/// <summary>By what tokens are revoked. Numbers travel between nodes and are never used for anything else.</summary>
public enum RevokedBy : byte
{
    /// <summary>One token, by its <c>jti</c>.</summary>
    Token = 1,

    /// <summary>All tokens of a user or agent, by <c>sub</c>, that were issued until then.</summary>
    User = 2,

    /// <summary>All tokens of a session, by <c>sid</c>, that were issued until then.</summary>
    Session = 3,
}

/// <summary>Tokens that are not believed any more. Immutable.</summary>
/// <param name="By">What <paramref name="Value"/> is.</param>
/// <param name="Value">The id; not empty.</param>
/// <param name="IssuedUntil">Tokens issued in this second or earlier, seconds since 1970-01-01 UTC; a token by its own id is revoked whenever it was issued.</param>
/// <param name="ForgottenAt">When no such token can be valid any more, in the same seconds.</param>
public sealed record Revocation(RevokedBy By, string Value, long IssuedUntil, long ForgottenAt);

/// <summary>
/// What was revoked, on whichever node. Entries only grow (the later of two for the same id counts), so that nodes may tell each other everything again, in any
/// order. Bounded: an entry goes when the tokens it names have ended by themselves, and there are at most <see cref="Most"/>. Thread-safe.
/// </summary>
public sealed class Revocations(TimeProvider time)
{
    /// <summary>Some 20 MB at most. Beyond it nothing more is taken: what is forgotten early would be believed again.</summary>
    public const int Most = 100_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<(RevokedBy By, string Value), Revocation> _entries = [];
    private int _version;

    /// <summary>A new entry of this node, to be told to others; called under no lock.</summary>
    public event Action<Revocation>? Added;

    /// <summary>Grows with each change; 0 = nothing was ever revoked.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>All there is.</summary>
    public IReadOnlyList<Revocation> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries.Values];
            }
        }
    }

    /// <summary>Revokes on all nodes; false when there are too many.</summary>
    public bool TryAdd(Revocation revocation)
    {
        if (!TryTake(revocation))
        {
            return false;
        }

        Added?.Invoke(revocation);
        return true;
    }

    /// <summary>Takes what was revoked elsewhere; false when there are too many.</summary>
    public bool TryTake(Revocation revocation)
    {
        lock (_gate)
        {
            var key = (revocation.By, revocation.Value);
            if (_entries.TryGetValue(key, out var known))
            {
                revocation = known with
                {
                    IssuedUntil = Math.Max(known.IssuedUntil, revocation.IssuedUntil),
                    ForgottenAt = Math.Max(known.ForgottenAt, revocation.ForgottenAt),
                };
                if (revocation == known)
                {
                    return true;
                }
            }
            else if (_entries.Count == Most)
            {
                return false;
            }

            _entries[key] = revocation;
            Volatile.Write(ref _version, _version + 1);
            return true;
        }
    }

    /// <summary>Whether these credentials were revoked. API keys are not: they end with their configuration.</summary>
    public bool Concern(Principal principal)
    {
        if (Version == 0 || principal.IsService || !principal.IsAuthenticated)
        {
            return false;
        }

        lock (_gate)
        {
            return (principal.TokenId is { } token && _entries.ContainsKey((RevokedBy.Token, token)))
                || Ends(RevokedBy.User, principal.Subject, principal.IssuedAt)
                || (principal.SessionId is { } session && Ends(RevokedBy.Session, session, principal.IssuedAt));
        }
    }

    /// <summary>Forgets what has ended by itself.</summary>
    public void Prune()
    {
        if (Version == 0)
        {
            return;
        }

        var now = time.GetUtcNow().ToUnixTimeSeconds();
        lock (_gate)
        {
            foreach (var (key, entry) in _entries)
            {
                if (entry.ForgottenAt <= now)
                {
                    _entries.Remove(key);
                }
            }
        }
    }

    private bool Ends(RevokedBy by, string value, long issuedAt) => _entries.TryGetValue((by, value), out var entry) && issuedAt <= entry.IssuedUntil;
}
