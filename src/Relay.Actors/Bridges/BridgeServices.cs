using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Relay.Actors.Bridges;

/// <summary>The way into the relay: <see cref="RelaySystem.DeliverAsync"/>. Called in the order in which the messages came.</summary>
/// <param name="items">In their order.</param>
/// <param name="cancellationToken">Ends the wait, not the delivery.</param>
/// <returns>Completes when every channel has accepted its part; fails, with a <see cref="BridgeUnfinishedException"/> where it is known what is open, when one has not.</returns>
public delegate Task<BridgeAccepted> BridgePublisher(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken);

/// <summary>What every source of messages takes from its surroundings. One object for all sources of a node, so that drops are counted and logged together.</summary>
public sealed class BridgeServices
{
    /// <summary>
    /// Largest message of a stream or an outbox: what may wait for a client that cannot resume (Limits:UnsentBytesWithoutResume). A larger one would only cut off those it is for.
    /// </summary>
    public const int MaxMessageBytes = 8 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly Random _random;

    /// <param name="publish">The way into the relay.</param>
    /// <param name="loggers">For interruptions and drops.</param>
    /// <param name="meter">Carries the instruments of <see cref="BridgeMetrics"/>; its maker disposes it.</param>
    /// <param name="time">For pauses, polls and rates of logging.</param>
    /// <param name="random">Seeds the jitter of each source's pauses.</param>
    /// <param name="tell">The way for those who need no task, <see cref="RelaySystem.TellBridge"/>.</param>
    public BridgeServices(BridgePublisher publish, ILoggerFactory loggers, Meter meter, TimeProvider time, Random random, Action<BridgeBatch> tell)
    {
        Publish = publish;
        Tell = tell;
        Loggers = loggers;
        Metrics = new BridgeMetrics(meter);
        Time = time;
        _random = random;
        Faults = new BridgeFaults(Metrics, loggers, time);
        DeadLetters = new DeadLetters(Metrics, loggers, time);
        Envelopes = new UpdatesEnvelopes(Faults);
    }

    /// <summary>The way into the relay.</summary>
    public BridgePublisher Publish { get; }

    /// <summary>The same without a task: the batch's answer is told.</summary>
    public Action<BridgeBatch> Tell { get; }

    /// <summary>Where sources write.</summary>
    public ILoggerFactory Loggers { get; }

    /// <summary>What sources count.</summary>
    public BridgeMetrics Metrics { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Counts and logs what is dropped.</summary>
    public BridgeFaults Faults { get; }

    /// <summary>Counts and logs what is laid aside for good.</summary>
    public DeadLetters DeadLetters { get; }

    /// <summary>Reads workers' messages; <c>POST /publish</c> uses the same.</summary>
    public UpdatesEnvelopes Envelopes { get; }

    /// <summary>Randomness of its own for one source: <see cref="Random"/> is not safe for several.</summary>
    public Random NextRandom()
    {
        lock (_gate)
        {
            return new Random(_random.Next());
        }
    }
}
