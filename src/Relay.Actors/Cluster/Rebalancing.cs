namespace Relay.Actors.Cluster;

/// <summary>
/// How many clients a node sends away so that connections even out over the nodes, after one has come. Plain rules; owned by <see cref="Departures"/>.
/// </summary>
/// <remarks>
/// A node with clearly more than the average begins, sends its surplus away in equal parts and ends when it is even, when the time is over, or when it has sent as many as should have been enough:
/// where clients come to is the balancer's choice, and one that brings them back to the same node must not have them reconnect for ever. After such a failure it waits, each time twice as long.
/// </remarks>
internal sealed class Rebalancing
{
    /// <summary>Begins above this part of the average, ends at the other: in between, chance decides anyway.</summary>
    private const double TooMany = 1.15;
    private const double Even = 1.05;

    /// <summary>Fewer clients too many are no load worth a reconnect.</summary>
    private const int LeastSurplus = 10;

    /// <summary>For this part of the time a surplus must last before anything is done: nodes that restart one after the other leave one behind each time.</summary>
    private const double Patience = 0.1;

    /// <summary>For this part clients are sent away; the rest is for those who go last, and for what nodes know late of each other.</summary>
    private const double Part = 0.7;

    private const int MostFailures = 6;

    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromSeconds(10);

    private readonly TimeSpan _time;
    private TimeSpan? _since;
    private TimeSpan? _until;
    private TimeSpan _notBefore;
    private int _left;
    private int _failures;

    /// <param name="time">Within which connections are to be even; zero = they are left as they are.</param>
    public Rebalancing(TimeSpan time)
    {
        _time = time;
        Period = TimeSpan.FromTicks(Math.Clamp(time.Ticks / 20, ShortestPeriod.Ticks, LongestPeriod.Ticks));
    }

    public bool IsOff => _time <= TimeSpan.Zero;

    /// <summary>From one question to the next.</summary>
    public TimeSpan Period { get; }

    /// <summary>How many clients to send away within the next <see cref="Period"/>.</summary>
    /// <param name="now">Since any fixed point.</param>
    /// <param name="own">Clients of this node that were not told to go.</param>
    /// <param name="others">Clients of each of the other nodes.</param>
    public int Due(TimeSpan now, int own, IReadOnlyCollection<int> others)
    {
        var average = (own + others.Sum()) / (double)(others.Count + 1);
        var surplus = (int)(own - average);
        if (IsOff || surplus < (_until is null ? LeastSurplus : 1) || own <= average * (_until is null ? TooMany : Even))
        {
            _since = _until = null;
            _failures = 0;
            _notBefore = now;
            return 0;
        }

        if (_until is null)
        {
            _since ??= now;
            if (now < _notBefore || now < _since + (_time * Patience))
            {
                return 0;
            }

            // Of those who are sent away some come back by chance.
            _until = now + (_time * Part);
            _left = (int)Math.Ceiling(surplus * (others.Count + 1.0) / others.Count);
        }

        if (now >= _until || _left == 0)
        {
            _since = _until = null;
            _notBefore = now + (_time * (1 << _failures));
            _failures = Math.Min(_failures + 1, MostFailures);
            return 0;
        }

        var rest = Math.Max(1, (_until.Value - now) / Period);
        var due = Math.Min(_left, (int)Math.Ceiling(Math.Min(surplus, _left) / rest));
        _left -= due;
        return due;
    }
}
