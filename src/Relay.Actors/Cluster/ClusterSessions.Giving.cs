using Relay.Actors.Connections;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <content>What this node has and others want, or are to have when it leaves.</content>
internal sealed partial class ClusterSessions
{
    private void Asked(Peer peer, long number, SearchSession wanted)
    {
        // A connection leaves its session in the store before the registry forgets it: whoever finds it in neither looks once more.
        if (TryGive(peer, number, wanted))
        {
            return;
        }

        if (LivingOwner(wanted.Session) is { } owner)
        {
            if (!_givingUp.TryAdd(owner.Actor, (peer, number, wanted)))
            {
                Answer(peer, number, SessionFate.Moving);
                return;
            }

            Context.Watch(owner.Actor);
            owner.Actor.Tell(new GiveUp(wanted.Session, wanted.Token, wanted.Principal, wanted.AgentId, wanted.OpenedMicros), Self);
        }
        else if (!TryGive(peer, number, wanted))
        {
            Answer(peer, number, FateOf(wanted.Token));
        }
    }

    private bool TryGive(Peer peer, long number, SearchSession wanted)
    {
        var isGenuine = true;
        var record = _connections.Sessions.Take(
            wanted.Session,
            taker: null,
            record => (isGenuine = _connections.Tokens.IsOf(wanted.Token, record)) && record.MayBeTakenBy(wanted.Principal, wanted.AgentId),
            out var refused);
        if (refused)
        {
            Answer(peer, number, isGenuine ? SessionFate.Refused : SessionFate.Unknown);
        }
        else if (record is not null)
        {
            Give(peer, number, wanted, record);
        }

        return refused || record is not null;
    }

    private ClientConnection? LivingOwner(long session) =>
        _connections.Sessions.OwnerOf(session)
        ?? (_connections.Registry.Find(session) is { } first && first.Session == session ? first : null);

    private void Give(Peer peer, long number, SearchSession wanted, SessionRecord record)
    {
        SessionWire.Write(Head(NodeMessage.SessionAnswered, number).Byte((byte)SessionFate.Given), record with { Token = wanted.Token });
        if (!TrySend(peer))
        {
            _connections.Sessions.Keep(record);
            return;
        }

        Gone(wanted.Token);
    }

    private void Gone(string token)
    {
        while (_givenByAge.TryPeek(out var oldest) && _connections.Time.GetElapsedTime(_given[oldest]) >= OnItsWay)
        {
            _given.Remove(_givenByAge.Dequeue());
        }

        if (!_given.ContainsKey(token))
        {
            _givenByAge.Enqueue(token);
        }

        _given[token] = _connections.Time.GetTimestamp();
    }

    private SessionFate FateOf(string token) =>
        _searched.ContainsKey(token) || (_given.TryGetValue(token, out var at) && _connections.Time.GetElapsedTime(at) < OnItsWay) ? SessionFate.Moving : SessionFate.Unknown;

    // In turn to all that stay, so that none of them has to push out others' for them.
    private void LeaveAll()
    {
        var targets = _view.Status.Members.Where(static member => member.State == Relay.Cluster.Engine.MemberState.Up)
            .Select(member => _peers.GetValueOrDefault(member.Node)).OfType<Peer>().ToList();
        var records = targets.Count == 0 ? [] : _connections.Sessions.TakeAll();
        var next = 0;
        for (var at = 0; at < records.Count;)
        {
            var peer = targets[next++ % targets.Count];
            var number = ++_numbers;
            Head(NodeMessage.SessionsLeft, number);
            for (; at < records.Count && _writer.Length < Batch; at++)
            {
                var token = records[at].Token ?? _connections.Tokens.Of(records[at].Session);
                SessionWire.Write(_writer, records[at] with { Token = token });
                Gone(token);
            }

            if (TrySend(peer))
            {
                _leftWith[number] = peer.Node;
            }
        }

        SayLeft();
    }

    private void SayLeft()
    {
        if (_whenLeft is { } asker && _leftWith.Count == 0)
        {
            _whenLeft = null;
            asker.Tell(SessionsHandedOver.Instance);
        }
    }

    private (Peer Peer, long Number, SearchSession Wanted)? Forget(IActorRef owner)
    {
        if (!_givingUp.Remove(owner, out var open))
        {
            return null;
        }

        Context.Unwatch(owner);
        return open;
    }
}

/// <summary>To the node's <see cref="ClusterSessions"/>: hand all ended sessions to nodes that stay; the sender is told <see cref="SessionsHandedOver"/>.</summary>
internal sealed class LeaveSessions
{
    private LeaveSessions()
    {
    }

    public static LeaveSessions Instance { get; } = new();
}

/// <summary>They have them, or are gone themselves.</summary>
internal sealed class SessionsHandedOver
{
    private SessionsHandedOver()
    {
    }

    public static SessionsHandedOver Instance { get; } = new();
}
