using System.Diagnostics.Metrics;

namespace Relay.Cluster.Links;

/// <summary>The instruments of one node's links. Raised once per frame, not once per message.</summary>
/// <remarks>
/// | name | unit | tags |
/// |---|---|---|
/// | relay.cluster.links.frames | {frame} | direction |
/// | relay.cluster.links.messages | {message} | direction |
/// | relay.cluster.links.io | By | direction |
/// | relay.cluster.links.resends | {frame} | |
/// | relay.cluster.links.failures | {frame} | |
/// | relay.cluster.links.sessions | {session} | |
/// | relay.cluster.links.resets | {session} | |
/// | relay.cluster.links.dropped | {frame} | reason |
/// </remarks>
internal sealed class LinkMetrics : IDisposable
{
    public const string MeterName = "Relay.Cluster";

    private static readonly KeyValuePair<string, object?> In = new("direction", "receive");
    private static readonly KeyValuePair<string, object?> Out = new("direction", "transmit");
    private static readonly string[] Reasons = ["none", "version", "malformed", "stranger", "session", "gap", "repeated", "busy"];

    private readonly Counter<long> _frames;
    private readonly Counter<long> _messages;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _resends;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _sessions;
    private readonly Counter<long> _resets;
    private readonly Counter<long> _dropped;

    public LinkMetrics()
    {
        _frames = Meter.CreateCounter<long>("relay.cluster.links.frames", "{frame}", "Frames to and from other nodes, those that are dropped included");
        _messages = Meter.CreateCounter<long>("relay.cluster.links.messages", "{message}", "Messages sent, repeats included, and messages delivered");
        _bytes = Meter.CreateCounter<long>("relay.cluster.links.io", "By", "Bytes of frames");
        _resends = Meter.CreateCounter<long>("relay.cluster.links.resends", "{frame}", "Frames that began with a message that was sent before");
        _failures = Meter.CreateCounter<long>("relay.cluster.links.failures", "{frame}", "Frames that the engine did not take");
        _sessions = Meter.CreateCounter<long>("relay.cluster.links.sessions", "{session}", "Sessions that began");
        _resets = Meter.CreateCounter<long>("relay.cluster.links.resets", "{session}", "Sessions that ended");
        _dropped = Meter.CreateCounter<long>("relay.cluster.links.dropped", "{frame}", "Frames whose messages had no effect, by reason");
    }

    public Meter Meter { get; } = new(MeterName);

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

    public void Dispose() => Meter.Dispose();
}
