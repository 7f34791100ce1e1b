using Relay.Actors.Connections;

namespace Relay.Actors.Limits;

/// <summary>A connection that counts for an address; empty where none is counted.</summary>
public readonly record struct AddressHold
{
    private readonly NodeLimits? _limits;
    private readonly AddressKey _key;

    internal AddressHold(NodeLimits limits, AddressKey key) => (_limits, _key) = (limits, key);

    /// <summary>The connection has ended; once.</summary>
    public void Release() => _limits?.AddressTable.Release(_key, _limits.Now);
}

/// <summary>What one connection holds of its node's limits, until it ends. Changed by its actor, disposed of by anybody, any number of times.</summary>
public sealed class ConnectionLease : IDisposable
{
    private readonly NodeLimits _limits;
    private readonly Lock _gate = new();
    private string? _user;
    private bool _isOver;

    internal ConnectionLease(NodeLimits limits) => _limits = limits;

    internal AddressHold Address { get; set; }

    /// <summary>Whom its publishes count for; null where that is nobody but the connection.</summary>
    internal Share? Payer { get; set; }

    /// <summary>True when <see cref="Payer"/> is a user.</summary>
    internal bool IsUser => _user is not null;

    /// <summary>The connection is this one's from now on, with credentials that were checked. False when that one has too many connections: then nothing changes.</summary>
    public bool TryBecome(Principal principal)
    {
        ArgumentNullException.ThrowIfNull(principal);
        if (!principal.IsAuthenticated || principal.Subject.Length == 0)
        {
            return true;
        }

        lock (_gate)
        {
            if (_isOver || principal.Subject.Equals(_user, StringComparison.Ordinal))
            {
                return true;
            }

            if (_limits.UserTable.TryHold(principal.Subject, _limits.Current.ConnectionsPerUser) is not { } share)
            {
                _limits.Reached(Limit.ConnectionsPerUser, LimitOutcome.Refused, principal.Subject);
                return false;
            }

            ReleaseUser();
            (_user, Payer) = (principal.Subject, share);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_isOver)
            {
                _isOver = true;
                Address.Release();
                ReleaseUser();
            }
        }
    }

    private void ReleaseUser()
    {
        if (_user is { } user)
        {
            _limits.UserTable.Release(user, _limits.Now);
        }
    }
}
