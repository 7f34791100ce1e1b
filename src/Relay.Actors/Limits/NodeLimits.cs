using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Relay.Actors.Connections;
using Relay.Actors.Metrics;
using Relay.Protocol;

namespace Relay.Actors.Limits;

/// <summary>
/// The limits of one node, asked at every door: who may connect, who may publish. Counts for this node alone: a cluster-wide count would cost a message to every
/// node, or a round trip to Redis, for each publish (docs/limits.md). Thread-safe.
/// </summary>
public sealed partial class NodeLimits
{
    /// <summary>Users and addresses remembered without a connection, twice; some 100 bytes each.</summary>
    private const int Remembered = 16_384;

    /// <summary>When what a node's trouble stopped may be tried again.</summary>
    private static readonly TimeSpan NodeRetry = TimeSpan.FromSeconds(1);

    /// <summary>Connections come back spread over a few seconds.</summary>
    private const int MostRetrySeconds = 5;

    /// <summary>Even an overloaded node lets in the first of those who come at once: a node that has just been started is slow and has nobody to protect.</summary>
    private static readonly TimeSpan StormBurst = TimeSpan.FromSeconds(5);

    /// <summary>The fair rate is checked over this long.</summary>
    private static readonly TimeSpan FairBurst = TimeSpan.FromMilliseconds(100);

    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly LimitMetrics? _metrics;
    private readonly LogPace[] _paces;
    private readonly ShareTable<string> _users = new(Remembered);
    private readonly ShareTable<AddressKey> _addresses = new(Remembered);
    private readonly ConcurrentDictionary<string, Share> _namespaces = new(StringComparer.Ordinal);
    private readonly Share _node = new();
    private readonly Share _strangers = new();
    private readonly Share _sheddingHandshakes = new();
    private RelayLimits _current;
    private uint _spread;

    /// <param name="limits">Those in force at first.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Where episodes are told.</param>
    /// <param name="metrics">Where refusals are counted; null = nowhere that anybody sees.</param>
    public NodeLimits(RelayLimits limits, TimeProvider time, ILogger log, LimitMetrics? metrics = null)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentNullException.ThrowIfNull(time);
        _current = limits;
        _time = time;
        _log = log;
        _metrics = metrics;
        _paces = [.. Enum.GetValues<Limit>().Select(_ => new LogPace(time))];
        metrics?.Show(this);
    }

    /// <summary>Those in force. A change counts from the next request on, for connections that are open as well; connections over a lower bound stay.</summary>
    public RelayLimits Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }

    /// <summary>The clock of buckets: ticks of 100 ns.</summary>
    public long Now => _time.GetElapsedTime(0).Ticks;

    /// <summary>Users counted now.</summary>
    public int Users => _users.Count;

    /// <summary>Addresses counted now.</summary>
    public int Addresses => _addresses.Count;

    /// <summary>Counts a connection of an address from its accept on; the hold is empty where the address does not count. False when there are too many.</summary>
    public bool TryHold(IPAddress? address, out AddressHold hold)
    {
        hold = default;
        var limits = Current;
        if (limits.ConnectionsPerAddress <= 0 || address is null || KeyOf(limits, address) is not { } key)
        {
            return true;
        }

        if (_addresses.TryHold(key, limits.ConnectionsPerAddress) is null)
        {
            Reached(Limit.ConnectionsPerAddress, LimitOutcome.Refused, key.ToString());
            return false;
        }

        hold = new AddressHold(this, key);
        return true;
    }

    /// <summary>Whether one more handshake may be looked at; asked before credentials are, which cost more than all the rest. Null = yes.</summary>
    public LimitRefusal? TryHandshake(IPAddress? address)
    {
        var limits = Current;
        var now = Now;
        if (Memory >= MemoryLevel.NoConnections)
        {
            return Refuse(Limit.Memory, Spread(), "a new connection");
        }

        if (!_congestion.IsCalm)
        {
            _congestion.TriedHandshakes(_sheddingHandshakes.Tried(_congestion.RoundNumber, 1));
            var rate = _congestion.HandshakesPerSecond;
            if (!double.IsInfinity(rate) && !_sheddingHandshakes.TryFair(new Rate(rate, StormBurst), now, 1, out _))
            {
                return Refuse(Limit.Load, Spread(), "a new connection");
            }
        }

        if (limits.HandshakesPerSecond > 0 && !_node.TryHandshake(limits.Handshakes, now, out var wait))
        {
            return Refuse(Limit.Handshakes, wait, "a new connection");
        }

        return limits.HandshakesPerSecondPerAddress > 0 && address is not null && KeyOf(limits, address) is { } key
            && !_addresses.Touch(key, now).TryHandshake(limits.HandshakesOfAddress, now, out wait)
                ? Refuse(Limit.HandshakesPerAddress, wait, key.ToString())
                : null;
    }

    /// <summary>Counts a WebSocket or event stream whose credentials were checked. Null and its lease, or the refusal.</summary>
    /// <param name="principal">Whose it is.</param>
    /// <param name="address">The client's address.</param>
    /// <param name="isNamed">True where a proxy named it, so that its TCP connection did not count for it.</param>
    /// <param name="lease">To be disposed of at the end of the connection.</param>
    public LimitRefusal? TryEnter(Principal principal, IPAddress? address, bool isNamed, out ConnectionLease lease)
    {
        ArgumentNullException.ThrowIfNull(principal);
        lease = new ConnectionLease(this);
        AddressHold hold = default;
        if (isNamed && !TryHold(address, out hold))
        {
            return new LimitRefusal(Limit.ConnectionsPerAddress, TimeSpan.FromSeconds(MostRetrySeconds));
        }

        lease.Address = hold;
        lease.Payer = PayerOf(principal, address);
        if (lease.TryBecome(principal))
        {
            return null;
        }

        lease.Dispose();
        return new LimitRefusal(Limit.ConnectionsPerUser, TimeSpan.FromSeconds(MostRetrySeconds));
    }

    /// <summary>True while no publish can meet a limit: then nobody need be asked for.</summary>
    public bool PassesPublishes => _congestion.IsCalm && Memory < MemoryLevel.NoWork && !Current.BoundsPublishes;

    /// <summary>Whether publishes may go to their channel. Null = yes.</summary>
    /// <param name="own">The connection's bucket.</param>
    /// <param name="payer">Who they are counted for.</param>
    /// <param name="isUser">True when that is a user, to whom the limit per user applies.</param>
    /// <param name="channel">Where they go.</param>
    /// <param name="count">How many.</param>
    public LimitRefusal? TryPublish(ref TokenBucket own, Share payer, bool isUser, string channel, int count)
    {
        ArgumentNullException.ThrowIfNull(payer);
        var limits = Current;
        var now = Now;
        if (Memory >= MemoryLevel.NoWork)
        {
            return Refuse(Limit.Memory, NodeRetry, "a publish");
        }

        if (!own.TryTake(limits.PublishesOfConnection, now, count, out var wait))
        {
            return Refuse(Limit.PublishesPerConnection, wait, "a connection");
        }

        if (isUser && !payer.TryPublish(limits.PublishesOfUser, now, count, out wait))
        {
            return Refuse(Limit.PublishesPerUser, wait, "a user");
        }

        if (limits.PublishesPerSecond.Count > 0)
        {
            var ns = ChannelName.Namespace(channel);
            var rate = limits.PublishesInto(ns);
            if (rate.IsBounded && !_namespaces.GetOrAdd(ns, static _ => new Share()).TryPublish(rate, now, count, out wait))
            {
                return Refuse(Limit.PublishesPerNamespace, wait, ns);
            }
        }

        return TryShare(payer, now, count) ? null : Refuse(Limit.Load, NodeRetry, "a publish");
    }

    /// <summary>Who pays for those who bring no credentials and whose address does not count: all of them together.</summary>
    public Share Strangers => _strangers;

    /// <summary>Whether new subscriptions may begin. Null = yes.</summary>
    public LimitRefusal? TrySubscribe() => Memory >= MemoryLevel.NoWork ? Refuse(Limit.Memory, NodeRetry, "a subscription") : null;

    /// <summary>Who publishes count for: the user; without credentials its address; null where neither counts.</summary>
    public Share? PayerOf(Principal principal, IPAddress? address)
    {
        ArgumentNullException.ThrowIfNull(principal);
        return principal is { IsAuthenticated: true, Subject.Length: > 0 } ? _users.Touch(principal.Subject, Now)
            : address is not null && KeyOf(Current, address) is { } key ? _addresses.Touch(key, Now)
            : null;
    }

    /// <summary>Counts that somebody met a limit, and logs the first of an episode and then one line every ten seconds.</summary>
    public void Reached(Limit limit, LimitOutcome outcome, string who)
    {
        _metrics?.Reached(limit, outcome);
        var level = limit.IsNodes() ? LogLevel.Warning : LogLevel.Information;
        if (_paces[(int)limit].IsDue(out var since, out var total) && _log.IsEnabled(level))
        {
            var (label, setting) = (limit.Label(), limit.Setting());
            LogReached(level, label, setting, since, total, outcome, who);
        }
    }

    internal ShareTable<string> UserTable => _users;

    internal ShareTable<AddressKey> AddressTable => _addresses;

    private bool TryShare(Share payer, long now, int count)
    {
        if (_congestion.IsCalm)
        {
            return true;
        }

        _congestion.TriedPublishes(payer.Tried(_congestion.RoundNumber, count), count);
        var rate = _congestion.PublishesPerUser;
        if (double.IsInfinity(rate) || payer.TryFair(new Rate(rate, FairBurst), now, count, out _))
        {
            return true;
        }

        _congestion.RefusedPublishes(count);
        return false;
    }

    private LimitRefusal Refuse(Limit limit, TimeSpan wait, string who)
    {
        Reached(limit, LimitOutcome.Refused, who);
        return new LimitRefusal(limit, wait);
    }

    // Those who are told in one moment do not come back in one moment.
    private TimeSpan Spread() => TimeSpan.FromSeconds(1 + (Interlocked.Increment(ref _spread) % MostRetrySeconds));

    private static AddressKey? KeyOf(RelayLimits limits, IPAddress address) =>
        AddressKey.Of(address) is var key && (limits.CountPrivateAddresses || !key.IsPrivate) ? key : null;

    [LoggerMessage(Message = "limit {Limit} (Relay:{Setting}) was met {Since} times since the last line, {Total} in all; the last one was {Outcome}: {Who}")]
    private partial void LogReached(LogLevel level, string limit, string setting, long since, long total, LimitOutcome outcome, string who);
}
