using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Actors.Sessions;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Agents;

/// <summary>The default agent: answers <c>Received: …</c> without any network (protocols.md, <c>webui</c>).</summary>
public sealed class EchoAgent(Func<IActorRef> channels, RelaySettings settings) : ActorBase
{
    /// <summary>Name in its answers.</summary>
    public const string Name = "EchoAgent";

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AgentRequest request:
                AgentAnswers.Publish(channels(), Self, request, "agent_response", AgentJson.Response(Name, "Received: " + request.Content));
                break;
            default:
                if (!AgentAnswers.TryHandle(message, Context, channels, settings.AgentTimeout))
                {
                    Unhandled(message);
                }

                break;
        }
    }
}

/// <summary>The way to an agent outside this process.</summary>
public interface IAgentGateway
{
    /// <summary>
    /// Hands over <paramref name="requestJson"/> (protocols.md, <c>webui</c>: <c>{"request_id","session_id","user_id"?,"content","history":[…]}</c>).
    /// Returns the agent's answer as one JSON object with <c>agent_name</c> and <c>content</c>, or null when it will come through <c>updates</c>.
    /// Throws when the agent cannot be reached.
    /// </summary>
    Task<byte[]?> SendAsync(ReadOnlyMemory<byte> requestJson, CancellationToken cancellationToken);
}

/// <summary>An agent behind a gateway: Redis list or HTTP webhook. A request that cannot be handed over ends at once in an <c>agent_error</c>.</summary>
public sealed partial class GatewayAgent(IAgentGateway gateway, Func<IActorRef> channels, RelaySettings settings, TimeProvider time, ILogger log) : ActorBase
{
    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AgentRequest request:
                SendAsync(request).PipeTo(
                    Self,
                    success: answer => new Answered(request, answer, null),
                    failure: error => new Answered(request, null, error));
                break;
            case Answered { Error: { } error } failed:
                LogUnreachable(log, error, failed.Request.RequestId);
                AgentAnswers.Publish(
                    channels(), Self, failed.Request, "agent_error", AgentJson.AgentError(failed.Request.RequestId, "The agent cannot be reached"));
                break;
            case Answered { Answer: { Length: > 0 } answer } answered when AgentJson.TryAddRequestId(answer, answered.Request.RequestId, out var data):
                AgentAnswers.Publish(channels(), Self, answered.Request, "agent_response", data);
                break;
            case Answered { Answer.Length: > 0 } answered:
                AgentAnswers.Publish(
                    channels(), Self, answered.Request, "agent_error", AgentJson.AgentError(answered.Request.RequestId, "The agent's answer is not a JSON object"));
                break;
            case Answered:
                break;
            default:
                if (!AgentAnswers.TryHandle(message, Context, channels, settings.AgentTimeout))
                {
                    Unhandled(message);
                }

                break;
        }
    }

    private async Task<byte[]> SendAsync(AgentRequest request)
    {
        using var timeout = new CancellationTokenSource(settings.AgentTimeout, time);
        return await gateway.SendAsync(AgentJson.Request(request), timeout.Token) ?? [];
    }

    private sealed record Answered(AgentRequest Request, byte[]? Answer, Exception? Error);

    [LoggerMessage(EventId = 110, Level = LogLevel.Warning, Message = "Request {RequestId} cannot be handed to the agent")]
    private static partial void LogUnreachable(ILogger log, Exception error, string requestId);
}

/// <summary>
/// An agent answers by publishing on the session's channel; the session sees it there. An answer that a durable session could not store is published again, under
/// the same id, as long as somebody may wait for it.
/// </summary>
internal static class AgentAnswers
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    public static void Publish(IActorRef channels, IActorRef agent, AgentRequest request, string eventName, byte[] data)
    {
        var item = new PublishItem { Event = eventName, Data = data, IdempotencyKey = request.RequestId };
        channels.Tell(new PublishBatch { Channel = ChannelName.Session(request.SessionId), Items = [item], Scope = "agent", WantsReply = true, Tag = 1 }, agent);
    }

    /// <summary>Handles what comes back of an answer that was published; false when <paramref name="message"/> is nothing of that.</summary>
    /// <param name="message">Any message that the agent itself has no use for.</param>
    /// <param name="agent">The agent's.</param>
    /// <param name="channels">Region of the channels.</param>
    /// <param name="asLongAs">How long somebody may wait for the answer.</param>
    public static bool TryHandle(object message, IActorContext agent, Func<IActorRef> channels, TimeSpan asLongAs)
    {
        switch (message)
        {
            case PublishReply reply:
                Repeat(agent, reply, asLongAs);
                return true;
            case PublishBatch again:
                channels().Tell(again, agent.Self);
                return true;
            default:
                return false;
        }
    }

    private static void Repeat(IActorContext agent, PublishReply reply, TimeSpan asLongAs)
    {
        var batch = reply.Batch;
        if (reply.Refusal is not null && batch.Tag * RetryPause < asLongAs)
        {
            var again = new PublishBatch { Channel = batch.Channel, Items = batch.Items, Scope = batch.Scope, WantsReply = true, Tag = batch.Tag + 1 };
            agent.Timers.StartSingle(batch.Items[0].IdempotencyKey!, again, RetryPause);
        }
    }
}
