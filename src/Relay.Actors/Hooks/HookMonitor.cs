using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Hooks;

/// <summary>Asks for <c>system.status</c>; answered with a <see cref="HookStatusMessage"/>.</summary>
/// <param name="ConnectedClients">To be shown in it.</param>
public sealed record HookStatusQuery(int ConnectedClients);

/// <summary>Events that channel <c>hooks</c> accepted.</summary>
public sealed record EventsPassed(Publication[] Events)
{
    /// <summary>On this node.</summary>
    public bool IsHere { get; init; } = true;
}

/// <summary>Channel <c>hooks</c> is durable: what it holds is to be read before anybody is answered.</summary>
/// <param name="Channels">Where it lives.</param>
public sealed record HooksStored(IActorRef Channels);

/// <summary>Where the hooks listener is bound.</summary>
public sealed record HooksAddress(string Host, int Port);

/// <summary>A session with another node began: what is known here is told there.</summary>
internal sealed record HookPeer(Peer Peer);

/// <summary>Another node says what it knows.</summary>
internal sealed record HooksTold(HookState State);

/// <summary>
/// Keeps what <c>system.status</c> shows, from the <c>session.start</c>, <c>claude.status</c> and <c>session.end</c> events that pass channel <c>hooks</c>,
/// and from those it holds of earlier, when it is durable. In a cluster the events pass on one node, whose monitor tells them to those of the others.
/// </summary>
internal sealed class HookMonitor(TimeProvider time, HookPeers? peers = null) : ActorBase
{
    /// <summary>Events kept until the stored ones are here; beyond any that matter.</summary>
    private const int MaxEarly = 1000;

    /// <summary>So long clients wait for the stored events: a journal that is ill must not keep them from being greeted.</summary>
    private static readonly TimeSpan ReadingTime = TimeSpan.FromSeconds(5);

    private HookState _state = new();

    // What passed before the stored events were here; null = they are, or are not wanted.
    private List<Publication>? _early;
    private readonly List<(HookStatusQuery Query, IActorRef Asker)> _waiting = [];
    private HooksAddress _address = new("127.0.0.1", 8765);
    private StreamPosition _read;
    private bool _reading;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case HooksStored stored:
                _reading = true;
                _early = [];
                stored.Channels.Tell(new ShardEnvelope("hooks", new HistoryQuery { Limit = int.MaxValue }), Self);
                Context.Timers.StartSingle("reading", ReadingTimeOver.Instance, ReadingTime);
                break;
            case HistoryReply stored when _early is { } early:
                _state = new HookState();
                _early = null;
                Apply(stored.Events);
                _read = stored.Position;
                Apply(early);
                AnswerAll();
                break;
            case HistoryReply or Status.Failure:
                break;
            case ReadingTimeOver:
                AnswerAll();
                break;
            case EventsPassed passed:
                Apply(passed.Events);
                if (passed.IsHere)
                {
                    peers?.Tell(passed.Events);
                }

                break;
            case HookPeer peer when _state.AtMicros > 0:
                HookPeers.Tell(peer.Peer, _state);
                break;
            case HookPeer:
                break;
            case HooksTold told when told.State.AtMicros > _state.AtMicros:
                (_state, _early) = (told.State, null);
                break;
            case HooksTold:
                break;
            case HookStatusQuery query when _reading:
                _waiting.Add((query, Sender));
                break;
            case HookStatusQuery query:
                Answer(query, Sender);
                break;
            case HooksAddress address:
                _address = address;
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Apply(IEnumerable<Publication> events)
    {
        foreach (var publication in events)
        {
            if (publication.Position.Epoch != _read.Epoch || publication.IsTransient || publication.Position.Offset > _read.Offset)
            {
                _state.Apply(publication.Event, publication.Data.Span, publication.TimestampMicros);
                if (_early is { Count: < MaxEarly })
                {
                    _early.Add(publication);
                }
            }
        }
    }

    private void AnswerAll()
    {
        _reading = false;
        foreach (var (query, asker) in _waiting)
        {
            Answer(query, asker);
        }

        _waiting.Clear();
    }

    private void Answer(HookStatusQuery query, IActorRef asker) =>
        asker.Tell(_state.ToMessage(time.NowMicros(), query.ConnectedClients, _address.Host, _address.Port), Self);

    private sealed class ReadingTimeOver
    {
        public static ReadingTimeOver Instance { get; } = new();
    }
}
