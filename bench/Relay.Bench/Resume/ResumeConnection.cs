using System.Text;
using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Bench.Wire;

namespace Relay.Bench.Resume;

/// <summary>
/// A connection of a client: the first one subscribes and is ready when that is acked; the second one resumes and is ready as soon as it has asked, so that
/// nobody waits for another's events.
/// </summary>
internal sealed class ResumeConnection : WebSocketPeer
{
    private readonly ResumeClient _client;
    private readonly byte[] _ownChannel;
    private readonly long? _target;
    private readonly Action _onBack;
    private bool _isAnswered;

    /// <param name="run">The run it belongs to.</param>
    /// <param name="index">Number of the client.</param>
    /// <param name="client">Whose.</param>
    /// <param name="target">Events its channel has had; null = the first connection.</param>
    /// <param name="onBack">Called once, when everything that was missed is here.</param>
    public ResumeConnection(RunState run, int index, ResumeClient client, long? target, Action onBack)
        : base(run, $"subscriber {index}", run.Server)
    {
        _client = client;
        _target = target;
        _onBack = onBack;
        _ownChannel = NativeFrames.ChannelMember(run.Plan.QuotedNameOf(client.Channel));
    }

    /// <inheritdoc/>
    protected override void OnUpgraded()
    {
        if (_target is { } target)
        {
            CollectFrame(Run.Plan.ResumeFrame(_client.Channel, _client.Ask(target, Run.Clock.Now)));
            BecomeReady();
        }
        else
        {
            CollectFrame(Run.Plan.SubscribeFrame(_client.Channel));
        }

        FlushFrames();
    }

    /// <inheritdoc/>
    protected override string? OnText(ReadOnlySpan<byte> frame, long now, Lane lane)
    {
        if (!_isAnswered && NativeFrames.IsAnswerTo(frame, "\"id\":\"s\""u8))
        {
            return OnAnswer(frame, now);
        }

        if (NativeFrames.IsEventOf(frame, _ownChannel))
        {
            _client.Positions.Observe(frame);
        }

        if (Run.Marker.TryFind(frame, out var number, out _))
        {
            OnDelivery(number, now, lane);
        }
        else
        {
            lane.Unmarked++;
        }

        return null;
    }

    private string? OnAnswer(ReadOnlySpan<byte> frame, long now)
    {
        _isAnswered = true;
        if (frame.IndexOf("\"success\":true"u8) < 0)
        {
            return "subscribe refused: " + Encoding.UTF8.GetString(frame);
        }

        if (_target is null)
        {
            if (PositionChecker.TryRead(frame, out var position))
            {
                _client.Positions.Begin(position);
            }

            BecomeReady();
            return null;
        }

        _client.Recovered = frame.IndexOf("\"recovered\":true"u8) > 0;
        if (_client.Recovered == false)
        {
            Run.Fail($"{Name} is not recovered: {Encoding.UTF8.GetString(frame)}");
        }

        LookWhetherBack(now);
        return null;
    }

    private void OnDelivery(long number, long now, Lane lane)
    {
        if (number % Run.Options.Channels != _client.Channel)
        {
            lane.Misdelivered++;
            return;
        }

        switch (_client.Observe(number))
        {
            case DeliveryKind.Duplicate:
                lane.Duplicates++;
                return;
            case DeliveryKind.OutOfOrder:
                lane.OutOfOrder++;
                break;
            default:
                break;
        }

        lane.Received++;
        LookWhetherBack(now);
    }

    private void LookWhetherBack(long now)
    {
        if (_target is not null && _client.TryBeBack(now))
        {
            _onBack();
        }
    }
}
