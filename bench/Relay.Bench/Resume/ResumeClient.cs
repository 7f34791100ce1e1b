using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Protocol;

namespace Relay.Bench.Resume;

/// <summary>
/// One client through both its connections: what it has got, from where it resumes, when it was back. Written by the read loop of the connection it has;
/// read by others between the connections and at the end.
/// </summary>
internal sealed class ResumeClient(int channel, StreamMap map)
{
    private readonly StreamChecker _stream = new();
    private long _target = long.MaxValue;

    /// <summary>Its channel.</summary>
    public int Channel => channel;

    /// <summary>What the positions said, over both connections.</summary>
    public PositionChecker Positions { get; } = new();

    /// <summary>When its second connection was begun, in ns of the run's clock.</summary>
    public long ConnectedFrom { get; set; }

    /// <summary>When it sent the subscribe that resumes.</summary>
    public long AskedAt { get; private set; }

    /// <summary>When the last event it had missed came; 0 = not yet.</summary>
    public long BackAt { get; private set; }

    /// <summary>Whether the server said that it gets all it missed; null = it has not answered.</summary>
    public bool? Recovered { get; set; }

    /// <summary>Asks for everything behind what it has.</summary>
    /// <param name="target">Events its channel has had in this run.</param>
    /// <param name="now">In ns of the run's clock.</param>
    public StreamPosition Ask(long target, long now)
    {
        _target = target;
        AskedAt = now;
        return Positions.Position;
    }

    /// <summary>Takes one event of the run.</summary>
    public DeliveryKind Observe(long number) => _stream.Observe(map.IndexOf(number), out _);

    /// <summary>True once: the server has answered, and with this everything that was missed is here.</summary>
    public bool TryBeBack(long now)
    {
        if (BackAt != 0 || Recovered is null || _stream.MissingOf(_target) > 0)
        {
            return false;
        }

        BackAt = now;
        return true;
    }

    /// <summary>How many of its channel's events of the first <paramref name="published"/> never came.</summary>
    public long Missing(long published) => _stream.MissingOf(map.CountOf(channel, 0, published));
}
