using Relay.Bench.Load;

namespace Relay.Bench.Measure;

/// <summary>
/// What one receiving thread counts. Each thread has its own, so that counting needs no interlocked operation; they are added up at the end. Others
/// may read the counters while they grow.
/// </summary>
internal sealed class Lane
{
    /// <summary>Latencies of deliveries whose publish was intended in the measured part.</summary>
    public LatencyHistogram Deliveries { get; } = new();

    /// <summary>Latencies of acks whose publish was intended in the measured part.</summary>
    public LatencyHistogram Acks { get; } = new();

    /// <summary>Distinct deliveries of the whole run.</summary>
    public long Received { get; set; }

    /// <summary>Distinct deliveries that arrived in the measured part.</summary>
    public long Measured { get; set; }

    /// <summary>Reads from sockets, and bytes they brought, in the measured part.</summary>
    public long Reads { get; set; }

    public long Bytes { get; set; }

    public long Duplicates { get; set; }

    public long OutOfOrder { get; set; }

    /// <summary>Deliveries that belong to another channel than the subscriber's.</summary>
    public long Misdelivered { get; set; }

    /// <summary>Frames without a mark of this run: greetings, acks, pings, events of others.</summary>
    public long Unmarked { get; set; }

    /// <summary>Publishes acked with success, and refused.</summary>
    public long Accepted { get; set; }

    public long Refused { get; set; }

    /// <summary>Counts a distinct delivery.</summary>
    public void Count(in Phases phases, long now, long intended)
    {
        Received++;
        if (phases.IsMeasured(now))
        {
            Measured++;
        }

        if (phases.IsMeasured(intended))
        {
            Deliveries.Record(now - intended);
        }
    }

    /// <summary>Adds what <paramref name="other"/> counted.</summary>
    public void Add(Lane other)
    {
        Deliveries.Add(other.Deliveries);
        Acks.Add(other.Acks);
        Received += other.Received;
        Measured += other.Measured;
        Reads += other.Reads;
        Bytes += other.Bytes;
        Duplicates += other.Duplicates;
        OutOfOrder += other.OutOfOrder;
        Misdelivered += other.Misdelivered;
        Unmarked += other.Unmarked;
        Accepted += other.Accepted;
        Refused += other.Refused;
    }
}
