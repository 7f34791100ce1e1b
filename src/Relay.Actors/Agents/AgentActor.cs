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
public sealed record AgentInterest(string Entity, bool Subscribed)
{
    /// <summary>When, microseconds since 1970-01-01 UTC; null = now, and other nodes do not know yet.</summary>
    public long? AtMicros { get; init; }
}

/// <summary>Tell another node all that is remembered.</summary>
internal sealed record AgentShare(IAgentPeer Peer);

/// <summary>Who else remembers what agents are subscribed to: one other node, or all.</summary>
internal interface IAgentPeer
{
    void Tell(string agent, AgentInterest interest);
}

/// <summary>What every agent's actor is given.</summary>
/// <param name="Time">Clock.</param>
internal sealed record AgentServices(TimeProvider Time)
{
    /// <summary>All other nodes; null when there are none.</summary>
    public IAgentPeer? Others { get; init; }

    /// <summary>Agents that are remembered here; kept where others are to be told of them.</summary>
    public System.Collections.Concurrent.ConcurrentDictionary<string, byte> Known { get; } = new(StringComparer.Ordinal);
}

/// <summary>
/// Remembers an agent's subscriptions across its connections (protocols.md, <c>context</c>: "plus what that agent was subscribed to before", ours:
/// without what it had unsubscribed). Forgets an agent that was not heard of for a day. In a cluster every node remembers every agent, since nobody knows where it comes next: each change is told to all, and the
/// later one holds.
/// </summary>
public sealed class AgentActor : ActorBase
{
    private const int MaxChannels = 1000;
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24);
    private readonly AgentServices _services;
    private readonly Dictionary<string, AgentInterest> _interests = new(StringComparer.Ordinal);

    internal AgentActor(AgentServices services) => _services = services;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.SetReceiveTimeout(Memory);
        if (_services.Others is not null)
        {
            _services.Known.TryAdd(Self.Path.Name, 0);
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => _services.Known.TryRemove(Self.Path.Name, out _);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AgentAttach:
                Sender.Tell(new AgentAttached([.. _interests.Values.Where(static interest => interest.Subscribed).Select(static interest => interest.Entity)]), Self);
                break;
            case AgentInterest { AtMicros: null } interest:
                interest = interest with { AtMicros = _services.Time.NowMicros() };
                if (TryTake(interest))
                {
                    _services.Others?.Tell(Self.Path.Name, interest);
                }

                break;
            case AgentInterest interest:
                TryTake(interest);
                break;
            case AgentShare share:
                foreach (var interest in _interests.Values)
                {
                    share.Peer.Tell(Self.Path.Name, interest);
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

    private bool TryTake(AgentInterest interest)
    {
        if (_interests.TryGetValue(interest.Entity, out var known) ? known.AtMicros > interest.AtMicros : !IsName(interest.Entity) || !HasRoom())
        {
            return false;
        }

        if (!interest.Subscribed && _services.Others is null)
        {
            // Nobody tells of an earlier time.
            return _interests.Remove(interest.Entity);
        }

        _interests[interest.Entity] = interest;
        return true;
    }

    private static bool IsName(string entity) => ChannelName.IsValid(PatternReplica.PatternOf(entity) ?? entity);

    // What it left is kept only so that no node brings it up again.
    private bool HasRoom() =>
        _interests.Count < MaxChannels
        || (_interests.Values.Where(static interest => !interest.Subscribed).MinBy(static interest => interest.AtMicros) is { } oldest && _interests.Remove(oldest.Entity));
}
