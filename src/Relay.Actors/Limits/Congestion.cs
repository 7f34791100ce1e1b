namespace Relay.Actors.Limits;

/// <summary>
/// Decides from measured delays how much new work a node takes, and shares what it takes fairly. Sampled and turned by one thread, read by all.
/// <para>
/// A queue that empties between bursts is a good queue; one that stands is not (CoDel, RFC 8289): what counts is the shortest delay of a round. While that is above the
/// target the node takes less with every round, first fewer handshakes, then fewer publishes: new work before old work. Publishes are not refused by lot but by share
/// (approximate fair dropping, Pan et al. 2003): there is one rate, the same for each user, and only who is above it is refused. So a single noisy user is held
/// alone, and when all want too much each gets the same.
/// </para>
/// </summary>
internal sealed class Congestion
{
    /// <summary>One round; long beside a burst, short beside the seconds in which a client gives up.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromMilliseconds(100);

    /// <summary>Nobody is held below this many publishes per second, nor the node below this many handshakes.</summary>
    private const double LeastPublishes = 5;
    private const double LeastHandshakes = 50;

    /// <summary>The rates fall to half at most, and rise by a twentieth: at what the node can do they swing little.</summary>
    private const double DeepestCut = 0.5;
    private const double ShallowestCut = 0.95;
    private const double Growth = 1.05;

    /// <summary>Rounds without need for a limit before the node forgets that it was overloaded.</summary>
    private const int RoundsToCalm = 20;

    private readonly Knob _publishes = new(LeastPublishes);
    private readonly Knob _handshakes = new(LeastHandshakes);
    private TimeSpan? _shortest;
    private int _calmRounds;
    private long _round;
    private volatile bool _isCalm = true;

    /// <summary>True while nothing is refused and nobody need count what he tries.</summary>
    public bool IsCalm => _isCalm;

    /// <summary>Number of the round, for <see cref="Share.Tried"/>.</summary>
    public long RoundNumber => Volatile.Read(ref _round);

    /// <summary>The shortest delay of the last round.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary>Publishes per second that each user is granted; infinite = as many as it likes.</summary>
    public double PublishesPerUser => _publishes.Rate;

    /// <summary>Handshakes per second that are let in; infinite = all.</summary>
    public double HandshakesPerSecond => _handshakes.Rate;

    /// <summary>A user has tried so many publishes in this round.</summary>
    public void TriedPublishes(long ofUser) => _publishes.Tried(ofUser);

    /// <summary>There were so many handshakes in this round.</summary>
    public void TriedHandshakes(long ofNode) => _handshakes.Tried(ofNode);

    /// <summary>Something has waited so long for its turn.</summary>
    public void Sample(TimeSpan delay) => _shortest = _shortest is { } known && known < delay ? known : delay;

    /// <summary>A round is over.</summary>
    /// <param name="target">How long things may wait, standing; zero = for ever.</param>
    /// <returns>True when it became calm or ceased to be.</returns>
    public bool Turn(TimeSpan target)
    {
        Delay = _shortest ?? TimeSpan.Zero;
        _shortest = null;
        Volatile.Write(ref _round, _round + 1);
        var isOver = target > TimeSpan.Zero && Delay > target;
        if (_isCalm)
        {
            // From now on it is counted who tries how much; the round after this one knows.
            _isCalm = !isOver;
            _calmRounds = 0;
            return isOver;
        }

        _publishes.EndRound();
        _handshakes.EndRound();
        if (isOver)
        {
            _calmRounds = 0;
            var cut = Math.Clamp(target / Delay, DeepestCut, ShallowestCut);
            if (!_handshakes.TryCut(cut))
            {
                _publishes.TryCut(cut);
            }

            return false;
        }

        if (_publishes.Grow(Growth))
        {
            _handshakes.Grow(Growth);
        }

        _calmRounds = double.IsInfinity(_publishes.Rate) && double.IsInfinity(_handshakes.Rate) ? _calmRounds + 1 : 0;
        _isCalm = _calmRounds >= RoundsToCalm;
        return _isCalm;
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

        // Fades within some seconds: who was refused comes back later.
        public void EndRound()
        {
            _most = Math.Max(_tried / Round.TotalSeconds, _most * 0.97);
            _tried = 0;
        }

        /// <summary>False when there is nothing to cut.</summary>
        public bool TryCut(double factor)
        {
            var from = Math.Min(_rate, _most);
            if (from <= least)
            {
                return false;
            }

            Volatile.Write(ref _rate, Math.Max(least, from * factor));
            return true;
        }

        /// <summary>True when it is infinite.</summary>
        public bool Grow(double factor)
        {
            if (!double.IsInfinity(_rate))
            {
                Volatile.Write(ref _rate, _rate > 2 * _most ? double.PositiveInfinity : _rate * factor);
            }

            return double.IsInfinity(_rate);
        }
    }
}
