using Relay.Kernel;

namespace Relay.Actors.Bridges;

/// <summary>One batch on its way through the bridge: what of it waits, is in flight or open, and who is told. Plain data, owned by the bridge's turn.</summary>
internal sealed class BridgeRequest(long tag, IActorRef replyTo, BridgeBatch batch)
{
    public long Tag { get; } = tag;

    public IActorRef ReplyTo { get; } = replyTo;

    public BridgeAnswer? Told { get; } = batch.Answer;

    public IReadOnlyList<BridgeItem> Items { get; } = batch.Items;

    /// <summary>Only for those who bring again what is open.</summary>
    public BridgeTracking? Tracking { get; } = batch.Answer is { WantsOpen: true } ? new BridgeTracking(batch.Items) : null;

    /// <summary>Sweep in which it came.</summary>
    public long CameIn { get; init; }

    public bool IsAnswered { get; set; }

    /// <summary>What was not sent is not to be sent any more.</summary>
    public bool IsWithdrawn { get; set; }

    /// <summary>Outcomes that are not there yet, of events waiting or in flight.</summary>
    public int Open { get; set; }

    /// <summary>Items not yet sent.</summary>
    public int Waiting { get; set; }

    /// <summary>Events sent and not answered.</summary>
    public int InFlight { get; set; }

    /// <summary>Some answers will not come any more.</summary>
    public bool GivenUp { get; set; }

    /// <summary>Sweep in which something was sent or answered.</summary>
    public long LastHeard { get; set; }

    public int Subscribers { get; set; }

    /// <summary>Why a channel could not store its part.</summary>
    public string? Refusal { get; set; }
}
