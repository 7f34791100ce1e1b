using Relay.Actors.Limits;

namespace Relay.Node.Http;

/// <summary>What the limits say to the publishes of one request. By one thread at a time, or nearly: a broadcast's publishes may share a bucket's last token.</summary>
internal sealed class PublishGate(NodeLimits limits, Share payer, bool isUser)
{
    private TokenBucket _own;

    /// <summary>Null = they may go to their channel.</summary>
    public LimitRefusal? Try(string channel, int count = 1) => limits.PassesPublishes ? null : limits.TryPublish(ref _own, payer, isUser, channel, count);
}
