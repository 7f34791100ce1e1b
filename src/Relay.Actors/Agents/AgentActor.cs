using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Agents;

/// <summary>An agent authenticated; answered with <see cref="AgentAttached"/>.</summary>
public sealed record AgentAttach;

/// <summary>What the agent had subscribed to before: names of replicas, that is channels and patterns.</summary>
public sealed record AgentAttached(IReadOnlyCollection<string> Entities);

/// <summary>The agent subscribed to a channel or pattern, or unsubscribed from it.</summary>
/// <param name="Entity">See <see cref="Subscription.Entity"/>.</param>
/// <param name="Subscribed">False when it unsubscribed.</param>
public sealed record AgentInterest(string Entity, bool Subscribed);

/// <summary>
/// Remembers an agent's subscriptions across its connections (protocols.md, <c>context</c>: "plus what that agent was subscribed to before", ours:
/// without what it had unsubscribed). Forgets an agent that was not heard of for a day.
/// </summary>
public sealed class AgentActor : ActorBase
{
    private const int MaxChannels = 1000;
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24);
    private readonly HashSet<string> _entities = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override void PreStart() => Context.SetReceiveTimeout(Memory);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AgentAttach:
                Sender.Tell(new AgentAttached([.. _entities]), Self);
                break;
            case AgentInterest { Subscribed: false } interest:
                _entities.Remove(interest.Entity);
                break;
            case AgentInterest interest:
                if (_entities.Count < MaxChannels && ChannelName.IsValid(PatternReplica.PatternOf(interest.Entity) ?? interest.Entity))
                {
                    _entities.Add(interest.Entity);
                }

                break;
            case ReceiveTimeout:
                Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }
}
