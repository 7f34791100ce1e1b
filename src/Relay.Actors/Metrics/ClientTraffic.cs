using Relay.Kernel.Measuring;
using Relay.Protocol;

namespace Relay.Actors.Metrics;

/// <summary>What is counted of clients; by the way their events are encoded, so that a fan-out counts once for all subscribers of one encoding.</summary>
internal enum ClientCounter
{
    /// <summary>Events given to clients.</summary>
    Deliveries,

    /// <summary>Messages received.</summary>
    FramesReceived,

    /// <summary>Bytes received.</summary>
    BytesReceived,

    /// <summary>Frames given to clients, those of deliveries among them.</summary>
    FramesSent,

    /// <summary>Their bytes.</summary>
    BytesSent,

    /// <summary>Events left out because a newer one of their key waits.</summary>
    Conflated,

    /// <summary>Events left out because there was no room.</summary>
    Dropped,

    /// <summary>Clients cut off because they did not read.</summary>
    Overflows,

    /// <summary>Subscriptions now: raised and lowered.</summary>
    Subscriptions,
}

/// <summary>The counters of all clients of one encoding. Thread-safe.</summary>
/// <param name="metrics">Where what happens seldom is counted; null = nowhere.</param>
/// <param name="dialect">Their dialect's name.</param>
public sealed class ClientTraffic(ClientMetrics? metrics = null, string dialect = "")
{
    private const int Counters = (int)ClientCounter.Subscriptions + 1;

    private readonly StripedCounters _counters = new(Counters);

    /// <summary>The dialect's name.</summary>
    public string Dialect => dialect;

    internal void Add(ClientCounter counter, long value = 1) => _counters.Add((int)counter, value);

    internal long Sum(ClientCounter counter) => _counters.Sum((int)counter);

    /// <summary>A read brought this.</summary>
    internal void Received(int messages, int bytes)
    {
        if (messages > 0)
        {
            _counters.Add((int)ClientCounter.FramesReceived, messages);
        }

        _counters.Add((int)ClientCounter.BytesReceived, bytes);
    }

    /// <summary>Answers, control frames.</summary>
    internal void Sent(int frames, int bytes)
    {
        _counters.Add((int)ClientCounter.FramesSent, frames);
        _counters.Add((int)ClientCounter.BytesSent, bytes);
    }

    /// <summary>Events, given to one or many clients.</summary>
    internal void Delivered(long events, long bytes)
    {
        if (events > 0)
        {
            _counters.Add((int)ClientCounter.Deliveries, events);
            _counters.Add((int)ClientCounter.FramesSent, events);
            _counters.Add((int)ClientCounter.BytesSent, bytes);
        }
    }

    /// <summary>A queue left events out.</summary>
    internal void LeftOut(long conflated, long dropped)
    {
        if (conflated > 0)
        {
            _counters.Add((int)ClientCounter.Conflated, conflated);
        }

        if (dropped > 0)
        {
            _counters.Add((int)ClientCounter.Dropped, dropped);
        }
    }

    /// <summary>A request was refused.</summary>
    internal void Refused(ErrorCode code, int count = 1) => metrics?.Refused(dialect, code, count);

    /// <summary>A connection says goodbye.</summary>
    internal void Closed(int code, bool byClient) => metrics?.Closed(dialect, code, byClient);

    /// <summary>A session was asked for.</summary>
    internal void Resumed(string outcome) => metrics?.Resumed(dialect, outcome);

    /// <summary>A subscription asked for what it had missed.</summary>
    internal void Recovered(bool complete) => metrics?.Recovered(dialect, complete);
}
