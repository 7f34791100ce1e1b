namespace Relay.Actors.Limits;

/// <summary>
/// Decides from measured delays how much new work a node takes, and shares what it takes fairly. Sampled and turned by one thread, read by all.
/// <para>
/// A queue that empties between bursts is a good queue; one that stands is not (CoDel, RFC 8289): what counts is the shortest delay of a round. While that is above the
/// target the node takes fewer publishes with every round. They are not refused by lot but by share (approximate fair dropping, Pan et al. 2003): there is one rate,
/// the same for each user, and only who is above it is refused. So a single noisy user is held alone, and when all want too much each gets the same.
/// </para>
/// <para>
/// Handshakes are most of the work after a restart, when everybody comes back at once; to refuse them then would only make them come twice. So where they are what keeps the
/// node busy, publishes are left alone, and handshakes are refused from a tenfold target on.
/// </para>
/// </summary>
internal sealed class Congestion
{
    /// <summary>One round; long beside a burst, short beside the seconds in which a client gives up.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromMilliseconds(100);

    /// <summary>Nobody is held below this many publishes per second, nor the node below this many handshakes.</summary>
    private const double LeastPublishes = 5;
    private const double LeastHandshakes = 100;

    /// <summary>What a handshake costs in publishes, roughly (docs/performance.md: 70 us and 7 us).</summary>
    private const double HandshakeCost = 10;

    /// <summary>Handshakes are refused when things wait so many times as long as they may.</summary>
    private const double HandshakePatience = 10;

    /// <summary>The rates fall to half at most, and rise by a twentieth: at what the node can do they swing little.</summary>
    private const double DeepestCut = 0.5;
    private const double ShallowestCut = 0.95;
    private const double Shrinking = 0.97;

    /// <summary>How fast input in front of the node shrinks cannot be seen: it is given so many rounds after each cut.</summary>
    private const double BacklogCut = 0.8;
    private const int BacklogRounds = 3;
    private const double Growth = 1.05;

    /// <summary>What was tried at most fades within some seconds: who was refused comes back later.</summary>
    private const double Fading = 0.97;

    /// <summary>Refusals to one accepted from which on to accept still less makes no room worth it: to refuse costs a part of what it costs to accept.</summary>
    private const double RefusalPart = 4;

    /// <summary>A node on which things wait this part of what they may is busy.</summary>
    private const double BusyPart = 10;

    /// <summary>Rounds without need for a limit before the node forgets that it was overloaded.</summary>
    private const int RoundsToCalm = 20;

    private readonly Knob _publishes = new(LeastPublishes);
    private readonly Knob _handshakes = new(LeastHandshakes);
    private long _publishesTried;
    private long _publishesRefused;
    private volatile bool _isBehind;
    private volatile bool _holdsBack;
    private TimeSpan? _shortest;
    private TimeSpan _before;
    private long _backlogCutAt;
    private int _calmRounds;
    private long _round;
    private volatile bool _isCalm = true;

    /// <summary>True while a rate is in force.</summary>
    public bool IsShedding { get; private set; }

    /// <summary>True while nothing is refused and nobody need count what he tries.</summary>
    public bool IsCalm => _isCalm;

    /// <summary>True while the node cannot even refuse as fast as it is sent to: then who sends on is to be read later.</summary>
    public bool HoldsBack => _holdsBack;

    /// <summary>Number of the round, for <see cref="Share.Tried"/>.</summary>
    public long RoundNumber => Volatile.Read(ref _round);

    /// <summary>The shortest delay of the last round.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary>Publishes per second that each user is granted; infinite = as many as it likes.</summary>
    public double PublishesPerUser => _publishes.Rate;

    /// <summary>Handshakes per second that are let in; infinite = all.</summary>
    public double HandshakesPerSecond => _handshakes.Rate;

    /// <summary>A user has tried so many publishes in this round, and the last so many at once.</summary>
    public void TriedPublishes(long ofUser, int atOnce)
    {
        _publishes.Tried(ofUser);
        Interlocked.Add(ref _publishesTried, atOnce);
    }

    /// <summary>So many of them were refused.</summary>
    public void RefusedPublishes(int count) => Interlocked.Add(ref _publishesRefused, count);

    /// <summary>There were so many handshakes in this round.</summary>
    public void TriedHandshakes(long ofNode) => _handshakes.Tried(ofNode);

    /// <summary>A client's input has been piling up in front of the node for longer than anything may wait.</summary>
    public void FallsBehind() => _isBehind = true;

    /// <summary>Something has waited so long for its turn.</summary>
    public void Sample(TimeSpan delay) => _shortest = _shortest is { } known && known < delay ? known : delay;

    /// <summary>A round is over.</summary>
    /// <param name="target">How long things may wait, standing; zero = for ever.</param>
    /// <returns>True when it began to refuse, or ceased to.</returns>
    public bool Turn(TimeSpan target)
    {
        _before = Delay;
        Delay = _shortest ?? TimeSpan.Zero;
        _shortest = null;
        Volatile.Write(ref _round, _round + 1);
        // Each client has one read under way, so of a few that send without end the queue stands in their sockets, where no turn waits for it. On a node that is not
        // busy a client that is ahead only keeps itself waiting.
        var isBehind = _isBehind && Delay > target / BusyPart;
        _isBehind = false;
        var isOver = target > TimeSpan.Zero && (Delay > target || isBehind);
        if (_isCalm)
        {
            // From now on it is counted who tries how much; the round after this one knows.
            _isCalm = !isOver;
            _calmRounds = 0;
            return false;
        }

        var handshakes = _handshakes.EndRound();
        _publishes.EndRound();
        var publishes = Interlocked.Exchange(ref _publishesTried, 0);
        var refused = Interlocked.Exchange(ref _publishesRefused, 0);
        _holdsBack = isBehind && (publishes - refused) * RefusalPart < refused;
        if (isOver)
        {
            Cut(target, isByHandshakes: handshakes * HandshakeCost > publishes);
        }
        else if (!isOver)
        {
            _publishes.Grow(Growth);
            _handshakes.Grow(Growth);
        }

        var was = IsShedding;
        IsShedding = !double.IsInfinity(_publishes.Rate) || !double.IsInfinity(_handshakes.Rate);
        _calmRounds = isOver || IsShedding ? 0 : _calmRounds + 1;
        _isCalm = _calmRounds >= RoundsToCalm;
        return was != IsShedding;
    }

    private void Cut(TimeSpan target, bool isByHandshakes)
    {
        // A queue that shrinks has been cut enough; it only takes its time.
        var shrinks = Delay < _before * Shrinking;
        if (Delay > target * HandshakePatience && !shrinks)
        {
            _handshakes.Cut(DeepestCut);
        }

        if (isByHandshakes)
        {
            return;
        }

        if (Delay > target)
        {
            _publishes.Cut(shrinks ? 1 : Math.Clamp(target / Delay, DeepestCut, ShallowestCut));
        }
        else if (!_holdsBack && _round - _backlogCutAt >= BacklogRounds)
        {
            _backlogCutAt = _round;
            _publishes.Cut(BacklogCut);
        }
    }

    /// <summary>One rate: infinite until it is cut, again infinite when it is far above what anybody tries.</summary>
    private sealed class Knob(double least)
    {
        private long _tried;
        private double _most;
        private double _rate = double.PositiveInfinity;

        public double Rate => Volatile.Read(ref _rate);

        public void Tried(long count)
        {
            if (count > Volatile.Read(ref _tried))
            {
                Volatile.Write(ref _tried, count);
            }
        }

        /// <summary>How many were tried.</summary>
        public long EndRound()
        {
            var tried = Interlocked.Exchange(ref _tried, 0);
            _most = Math.Max(tried / Round.TotalSeconds, _most * Fading);
            return tried;
        }

        public void Cut(double factor)
        {
            // Nothing to cut where nobody does anything.
            if (Math.Min(_rate, _most) is var from && from > least)
            {
                Volatile.Write(ref _rate, Math.Max(least, from * factor));
            }
        }

        public void Grow(double factor)
        {
            if (!double.IsInfinity(_rate))
            {
                Volatile.Write(ref _rate, _rate > 2 * _most ? double.PositiveInfinity : _rate * factor);
            }
        }
    }
}
