using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// A fan-out to more subscribers than one turn may serve: some hundred sends, then everybody else's turn. So a channel with ten thousand subscribers
/// does not keep one with a single subscriber waiting for all of its sends.
/// <para>Owned by a replica, which lets nothing change the subscribers until the run has ended.</para>
/// </summary>
internal sealed class FanoutRun(Publication[] events, SubscriberSet subscribers, WhenSlow whenSlow)
{
    /// <summary>
    /// A send to a socket takes 5 to 7 microseconds (performance.md), so a turn stays below four milliseconds; and the cost of a turn, below one microsecond,
    /// is nothing beside it.
    /// </summary>
    public const int SendsPerTurn = 512;

    private readonly bool _anyExcluded = FanoutLoop.AnyExcluded(events);
    private readonly FrameBatch _batch = new();
    private int _group;
    private int _from;
    private int _to;
    private int _member;

    /// <summary>Tells the replica to go on.</summary>
    public static object Next { get; } = new();

    /// <summary>What is sent.</summary>
    public ReadOnlySpan<Publication> Events => events;

    /// <summary>Serves the next subscribers; true when all have everything.</summary>
    public bool Step()
    {
        var budget = SendsPerTurn;
        while (_group < subscribers.Groups)
        {
            var members = subscribers.Group(_group);
            if (_to == _from)
            {
                _to = _batch.Encode(events, _from, members[0].Client.Encoding, members.Length);
            }

            var count = Math.Min(budget, members.Length - _member);
            FanoutLoop.Send(_batch, events.AsSpan(_from.._to), members.Slice(_member, count), _anyExcluded, whenSlow);
            budget -= count;
            _member += count;
            if (_member < members.Length)
            {
                return false;
            }

            NextPart();
        }

        _batch.Dispose();
        return true;
    }

    private void NextPart()
    {
        _member = 0;
        _from = _to;
        if (_from == events.Length)
        {
            _from = _to = 0;
            _group++;
        }
    }
}
