using System.Diagnostics.Metrics;
using Relay.Kernel.Measuring;

namespace Relay.Cluster.Links;

/// <summary>The instruments of one node's links. Raised once per frame, not once per message.</summary>
internal sealed class LinkMetrics : IDisposable
{
    public const string MeterName = "Relay.Cluster";

    private static readonly Metric Frames = Metric.Counter("relay.cluster.links.frames", "{frame}", "Frames to and from other nodes, those that are dropped included", MetricTag.Direction);
    private static readonly Metric Messages = Metric.Counter("relay.cluster.links.messages", "{message}", "Messages sent, repeats included, and messages delivered", MetricTag.Direction);
    private static readonly Metric Io = Metric.Counter("relay.cluster.links.io", "By", "Bytes of frames", MetricTag.Direction);
    private static readonly Metric Resends = Metric.Counter("relay.cluster.links.resends", "{frame}", "Frames that began with a message that was sent before");
    private static readonly Metric Failures = Metric.Counter("relay.cluster.links.failures", "{frame}", "Frames that the engine did not take");
    private static readonly Metric Sessions = Metric.Counter("relay.cluster.links.sessions", "{session}", "Sessions that began");
    private static readonly Metric Resets = Metric.Counter("relay.cluster.links.resets", "{session}", "Sessions that ended");
    private static readonly Metric DroppedFrames = Metric.Counter("relay.cluster.links.dropped", "{frame}", "Frames whose messages had no effect", new MetricTag("reason", "`version`, `malformed`, `stranger`, `session`, `gap`, `repeated`, `busy`"));
    private static readonly Metric Kept = Metric.Gauge("relay.cluster.links.kept", "By", "Bytes that other nodes have not confirmed, for all links together");

    private static readonly KeyValuePair<string, object?> In = new("direction", "receive");
    private static readonly KeyValuePair<string, object?> Out = new("direction", "transmit");
    private static readonly string[] Reasons = ["none", "version", "malformed", "stranger", "session", "gap", "repeated", "busy"];

    private readonly Meter? _own;
    private readonly Counter<long> _frames;
    private readonly Counter<long> _messages;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _resends;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _sessions;
    private readonly Counter<long> _resets;
    private readonly Counter<long> _dropped;

    /// <param name="meter">Stays its maker's to dispose; null = one of its own.</param>
    public LinkMetrics(Meter? meter = null)
    {
        _own = meter is null ? new Meter(MeterName) : null;
        Meter = meter ?? _own!;
        _frames = Meter.Counter(Frames);
        _messages = Meter.Counter(Messages);
        _bytes = Meter.Counter(Io);
        _resends = Meter.Counter(Resends);
        _failures = Meter.Counter(Failures);
        _sessions = Meter.Counter(Sessions);
        _resets = Meter.Counter(Resets);
        _dropped = Meter.Counter(DroppedFrames);
    }

    /// <summary>What is measured.</summary>
    public static IReadOnlyList<Metric> Described { get; } = [Frames, Messages, Io, Resends, Failures, Sessions, Resets, DroppedFrames, Kept];

    public Meter Meter { get; }

    /// <summary>Shows the bytes that are not confirmed; once.</summary>
    public void Show(Func<long> kept) => Meter.Observe(Kept, kept);

    public void Sent(in LinkOutput frame)
    {
        _frames.Add(1, Out);
        _bytes.Add(frame.Length, Out);
        if (frame.Messages > 0)
        {
            _messages.Add(frame.Messages, Out);
        }

        if (frame.IsRepeat)
        {
            _resends.Add(1);
        }
    }

    public void Received(int bytes)
    {
        _frames.Add(1, In);
        _bytes.Add(bytes, In);
    }

    public void Delivered(int messages)
    {
        if (messages > 0)
        {
            _messages.Add(messages, In);
        }
    }

    public void Dropped(LinkDrop reason)
    {
        if (reason != LinkDrop.None)
        {
            _dropped.Add(1, new KeyValuePair<string, object?>("reason", Reasons[(int)reason]));
        }
    }

    public void Failed() => _failures.Add(1);

    public void Began() => _sessions.Add(1);

    public void Ended() => _resets.Add(1);

    public void Dispose() => _own?.Dispose();
}
