using System.Text;
using Relay.Bench.Measure;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>What one subscriber found when the run is over.</summary>
internal readonly record struct SubscriberResult(long Missing, long OffsetGaps, long OffsetRepeats, long EpochChanges, long WithoutPosition);

/// <summary>One subscriber: checks every delivery, counts it, settles it with the load. Owned by its read loop.</summary>
internal sealed class Subscriber : WebSocketPeer
{
    private readonly int _channel;
    private readonly StreamMap _map;
    private readonly IDeliverySink _sink;
    private readonly StreamChecker[] _streams;
    private readonly PositionChecker? _positions;
    private readonly byte[]? _ownChannel;

    public Subscriber(RunState run, int index, StreamMap map, IDeliverySink sink)
        : base(run, $"subscriber {index}", run.Server)
    {
        _channel = index % map.Channels;
        _map = map;
        _sink = sink;
        _streams = [.. Enumerable.Range(0, map.Publishers).Select(static _ => new StreamChecker())];
        if (run.Plan.HasPositions)
        {
            _positions = new PositionChecker();
            _ownChannel = NativeFrames.ChannelMember(run.Plan.QuotedNameOf(_channel));
        }
    }

    /// <summary>Its channel.</summary>
    public int Channel => _channel;

    /// <summary>What is missing of <paramref name="published"/> publishes, and what the positions said.</summary>
    public SubscriberResult Result(long published)
    {
        long missing = 0;
        for (var publisher = 0; publisher < _streams.Length; publisher++)
        {
            missing += _streams[publisher].MissingOf(_map.CountOf(_channel, publisher, published));
        }

        return new SubscriberResult(missing, _positions?.Gaps ?? 0, _positions?.Repeats ?? 0, _positions?.EpochChanges ?? 0, _positions?.Absent ?? 0);
    }

    /// <inheritdoc/>
    protected override void OnUpgraded()
    {
        if (!Run.Plan.Subscribes)
        {
            Come();
            return;
        }

        CollectFrame(Run.Plan.SubscribeFrame(_channel));
        FlushFrames();
    }

    /// <inheritdoc/>
    protected override string? OnText(ReadOnlySpan<byte> frame, long now, Lane lane)
    {
        if (!IsReady)
        {
            return OnAnswer(frame);
        }

        if (_positions is not null && NativeFrames.IsEventOf(frame, _ownChannel))
        {
            _positions.Observe(frame);
        }

        if (Run.Marker.TryFind(frame, out var number, out var intended))
        {
            OnDelivery(number, intended, now, lane);
            return null;
        }

        lane.Unmarked++;
        if (frame.StartsWith("{\"type\":\"ping\""u8))
        {
            // protocols.md, context: only a JSON ping of the client counts as a sign of life.
            CollectFrame("{\"type\":\"ping\"}"u8);
            FlushFrames();
        }

        return null;
    }

    /// <inheritdoc/>
    protected override void OnReadCompleted() => _sink.OnReadCompleted();

    /// <inheritdoc/>
    protected override void OnLost()
    {
        Run.SubscriberLeft(_channel);

        // What it will not get any more must not hold up the window.
        for (var publisher = 0; publisher < _streams.Length; publisher++)
        {
            var count = _map.CountOf(_channel, publisher, _sink.Published);
            for (var index = _streams[publisher].Next; index < count; index++)
            {
                _sink.Settle(_map.NumberOf(_channel, publisher, index));
            }
        }

        _sink.OnReadCompleted();
    }

    private string? OnAnswer(ReadOnlySpan<byte> frame)
    {
        if (frame.IndexOf("\"id\":\"s\""u8) < 0)
        {
            return null;
        }

        if (frame.IndexOf("\"success\":true"u8) < 0)
        {
            return "subscribe refused: " + Encoding.UTF8.GetString(frame);
        }

        if (PositionChecker.TryRead(frame, out var position))
        {
            _positions?.Begin(position);
        }

        Come();
        return null;
    }

    private void Come()
    {
        Run.SubscriberCame(_channel);
        BecomeReady();
    }

    private void OnDelivery(long number, long intended, long now, Lane lane)
    {
        if (_map.ChannelOf(number) != _channel)
        {
            lane.Misdelivered++;
            return;
        }

        var publisher = _map.PublisherOf(number);
        var index = _map.IndexOf(number);
        switch (_streams[publisher].Observe(index, out var skipped))
        {
            case DeliveryKind.Duplicate:
                lane.Duplicates++;
                return;
            case DeliveryKind.OutOfOrder:
                // Settled when it was skipped.
                lane.OutOfOrder++;
                break;
            default:
                for (var lost = index - skipped; lost <= index; lost++)
                {
                    _sink.Settle(_map.NumberOf(_channel, publisher, lost));
                }

                break;
        }

        lane.Count(Run.Phases, now, intended);
        Run.LastDelivery = now;
    }
}

/// <summary>Is told of deliveries by the subscribers. Thread-safe.</summary>
internal interface IDeliverySink
{
    /// <summary>Publishes sent so far.</summary>
    long Published { get; }

    /// <summary>One subscriber has publish <paramref name="number"/>, or will not get it.</summary>
    void Settle(long number);

    /// <summary>Everything of one read was settled: the moment to publish more, all at once.</summary>
    void OnReadCompleted();
}
