using Relay.Actors.Bridges;

namespace Relay.Bridges.Tests.Support;

/// <summary>Brings what a source tells to a publisher that a test stands before the relay.</summary>
internal sealed class TellPublisher(BridgePublisher publish)
{
    public void Tell(BridgeBatch batch) => _ = PublishAsync(batch);

    private async Task PublishAsync(BridgeBatch batch)
    {
        try
        {
            var accepted = await publish(batch.Items, CancellationToken.None);
            batch.Answer?.Accepted(accepted.Subscribers);
        }
        catch (Exception error)
        {
            batch.Answer?.Failed(error);
        }
    }
}
