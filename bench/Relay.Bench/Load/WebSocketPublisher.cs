using System.Buffers.Text;
using System.Text;
using Relay.Bench.Measure;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>Publishes over a WebSocket (dialects relay and context) and counts the acks.</summary>
internal sealed class WebSocketPublisher : WebSocketPeer, IPublisher
{
    // More than a server lets one connection have in flight (1,024 by default).
    private const int RingSize = 1 << 16;

    private readonly byte[] _message;
    private readonly byte[] _idHead;
    private readonly long[] _intended = new long[RingSize];
    private readonly long[] _numbers = new long[RingSize];

    public WebSocketPublisher(RunState run, int index)
        : base(run, $"publisher {index}", run.PublishTo)
    {
        _message = new byte[run.Plan.Composer.MaxLength];
        _idHead = Encoding.ASCII.GetBytes($"\"id\":\"{run.Marker.Run}-");
    }

    /// <inheritdoc/>
    public bool CanPublish => IsReady && !IsBlocked;

    /// <inheritdoc/>
    public Task<string?> OpenAsync(CancellationToken cancellation) => OpenAsync(Run.Plan.PublisherPath, null, cancellation);

    /// <inheritdoc/>
    public void Publish(int channel, long number, long intended)
    {
        var slot = number & (RingSize - 1);
        Volatile.Write(ref _intended[slot], intended);
        Volatile.Write(ref _numbers[slot], number);
        CollectFrame(_message.AsSpan(0, Run.Plan.Composer.Compose(_message, channel, number, intended)));
    }

    /// <inheritdoc/>
    public void Flush() => FlushFrames();

    /// <inheritdoc/>
    protected override void OnUpgraded() => BecomeReady();

    /// <inheritdoc/>
    protected override string? OnText(ReadOnlySpan<byte> frame, long now, Lane lane)
    {
        if (!frame.StartsWith("{\"type\":\"ack\""u8))
        {
            OnOther(frame, lane);
            return null;
        }

        if (frame.IndexOf("\"success\":true"u8) < 0)
        {
            lane.Refused++;
            Run.Fail($"{Name}: publish refused: {Encoding.UTF8.GetString(frame)}");
            return null;
        }

        lane.Accepted++;
        var at = frame.IndexOf(_idHead);
        if (at >= 0 && Utf8Parser.TryParse(frame[(at + _idHead.Length)..], out long number, out _))
        {
            var slot = number & (RingSize - 1);
            var intended = Volatile.Read(ref _intended[slot]);
            if (Volatile.Read(ref _numbers[slot]) == number && Run.Phases.IsMeasured(intended))
            {
                lane.Acks.Record(now - intended);
            }
        }

        return null;
    }

    /// <inheritdoc/>
    protected override void OnReadCompleted() => Run.RoomMade();

    private void OnOther(ReadOnlySpan<byte> frame, Lane lane)
    {
        if (frame.StartsWith("{\"type\":\"ping\""u8))
        {
            CollectFrame("{\"type\":\"ping\"}"u8);
            FlushFrames();
        }
        else if (frame.StartsWith("{\"error\""u8))
        {
            lane.Refused++;
            Run.Fail($"{Name}: {Encoding.UTF8.GetString(frame)}");
        }
    }
}
