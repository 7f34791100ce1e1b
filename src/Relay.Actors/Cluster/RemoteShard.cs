using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Cluster;
using Relay.Cluster.Links;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// A shard that another node serves, as the actors of this node see it: brings them across what they ask, and back what they are answered. Remembers every question
/// that has no answer yet, so that it can be asked again where the shard goes next. Ends, and with it all who watch it are told, when the shard is served there no more.
/// </summary>
internal sealed class RemoteShard : ActorProxy
{
    private readonly RemoteServices _services;
    private readonly IActorRef _lifetime;
    private readonly Lock _gate = new();
    private readonly WireWriter _writer = new();
    private readonly Dictionary<long, Pending> _pending = [];
    private readonly Dictionary<IActorRef, long> _numbers = [];
    private readonly Dictionary<long, IActorRef> _replicas = [];
    private bool _closed;

    // The session is over, or something did not go out in it: what comes now stays behind that, and all of it is asked again in the next one.
    private bool _isMute;

    public RemoteShard(IActorRef lifetime, int shard, long token, NodeId owner, RemoteServices services)
        : base(lifetime)
    {
        _lifetime = lifetime;
        _services = services;
        Shard = shard;
        Token = token;
        Owner = owner;
    }

    public int Shard { get; }

    /// <summary>Under which it is served: <see cref="ShardToken"/>.</summary>
    public long Token { get; }

    public NodeId Owner { get; }

    public override void Tell(object message, IActorRef? sender = null)
    {
        if (sender is RemoteAsker)
        {
            // Another node's, which asks the new owner itself.
            return;
        }

        var (entity, inner) = message switch
        {
            ShardEnvelope envelope => (envelope.EntityId, envelope.Message),
            IShardMessage sharded => (sharded.EntityId, message),
            _ => ("", message),
        };
        bool isOpen;
        var outcome = Sending.Done;
        lock (_gate)
        {
            isOpen = !_closed;
            if (isOpen)
            {
                outcome = Send(entity, inner, message, sender);
            }
        }

        if (!isOpen)
        {
            _services.Region.Tell(message, sender);
        }
        else if (outcome == Sending.Unknown)
        {
            System.DeadLetters.Tell(message, sender);
        }
        else if (outcome == Sending.Overloaded)
        {
            if (_services.Refusals.CanRefuse(message))
            {
                _services.Refusals.Refuse(message, sender);
            }
            else
            {
                // It must not be lost: it is asked again in another session.
                _services.Links.Reset(Owner);
            }
        }
        else if (outcome == Sending.NeverJoined)
        {
            sender?.Tell(new ReplicaLeft(), this);
        }
    }

    /// <summary>The session is over, and the next one has not begun.</summary>
    public void EndSession()
    {
        lock (_gate)
        {
            _isMute = true;
        }
    }

    /// <summary>An answer has come.</summary>
    public void OnAnswer(long number, ref WireReader reader)
    {
        // Taken when it can be read: otherwise the link begins anew, and it is asked again.
        if (!TryFind(number, out var pending))
        {
            return;
        }

        var sender = pending.Sender ?? ActorRefs.Nobody;
        var answer = QuestionWire.ReadAnswer(ref reader, pending.Entity, pending.Inner, sender);
        if (TryTake(number, out _) && pending.Inner is not PublishBatch { WantsReply: false })
        {
            sender.Tell(answer, this);
        }
    }

    /// <summary>Something for a replica of this node.</summary>
    public void OnReplica(NodeMessage kind, long number, ref WireReader reader)
    {
        switch (kind)
        {
            case NodeMessage.ReplicaJoined:
                TryTake(number, out _);
                Find(number)?.Tell(new ReplicaJoined(reader.Position()), this);
                break;
            case NodeMessage.ReplicaRefused:
                Find(number)?.Tell(new ReplicaRefused(reader.Text()), this);
                break;
            case NodeMessage.ReplicaLeft:
                TryTake(number, out _);
                Forget(number)?.Tell(new ReplicaLeft(), this);
                break;
            case NodeMessage.ReplicaNews:
                Find(number)?.Tell(new PresenceNews(PresenceWire.Read(ref reader)), this);
                break;
            case NodeMessage.ReplicaBatch:
                OnBatch(number, ref reader);
                break;
        }
    }

    /// <summary>Nothing more goes there.</summary>
    /// <returns>What has no answer, in the order in which it was asked.</returns>
    public List<(object Message, IActorRef? Sender)> Close()
    {
        List<(object, IActorRef?)> left;
        lock (_gate)
        {
            _closed = true;
            left = [.. _pending.OrderBy(static pending => pending.Key).Select(static pending => (pending.Value.Message, pending.Value.Sender))];
            _pending.Clear();
        }

        System.Stop(_lifetime);
        return left;
    }

    private Sending Send(string entity, object inner, object message, IActorRef? sender)
    {
        var number = _services.NextNumber();
        bool isAnswered;
        switch (inner)
        {
            case ReplicaJoin join:
                _numbers[join.Replica] = number;
                _replicas[number] = join.Replica;
                Head(NodeMessage.ReplicaJoin, number).Text(entity);
                isAnswered = true;
                break;
            case ReplicaLeave leave when _numbers.TryGetValue(leave.Replica, out number):
                Head(NodeMessage.ReplicaLeave, number).Text(entity);
                isAnswered = true;
                break;
            case ReplicaLeave:
                return Sending.NeverJoined;
            case ReplicaCount count when _numbers.TryGetValue(count.Replica, out number):
                Head(NodeMessage.ReplicaCount, number).Text(entity).Number(count.Subscribers);
                isAnswered = false;
                break;
            case PresenceReport report when _numbers.TryGetValue(report.Replica, out number):
                PresenceWire.Write(Head(NodeMessage.ReplicaPresence, number).Text(entity), report.Statement);
                isAnswered = false;
                break;
            case ReplicaCount or PresenceReport:
                return Sending.Done;
            default:
                Head(NodeMessage.Question, number).Text(entity);
                if (!QuestionWire.TryWrite(_writer, inner))
                {
                    return Sending.Unknown;
                }

                isAnswered = QuestionWire.IsAnswered(inner);
                break;
        }

        if (isAnswered)
        {
            _pending[number] = new Pending(message, inner, entity, sender);
        }

        if (_isMute || (_writer.Length <= LinkOptions.MaxMessage && _services.Links.TrySend(Owner, _writer.Written)))
        {
            return Sending.Done;
        }

        if (!_services.IsConnected(Owner))
        {
            // The end of the session is about to be told; it is asked again then.
            _isMute = true;
            return Sending.Done;
        }

        if (_services.Refusals.CanRefuse(message))
        {
            _pending.Remove(number);
        }
        else
        {
            _isMute = true;
        }

        return Sending.Overloaded;
    }

    private WireWriter Head(NodeMessage kind, long number) => _writer.Clear().Byte((byte)kind).Number(number).Count(Shard).Number(Token);

    private void OnBatch(long number, ref WireReader reader)
    {
        var replica = Find(number);
        var channel = reader.Text();
        var events = EventWire.ReadAll(ref reader, channel);
        var answers = new List<(long Number, PublishReply Reply)>();
        for (var left = reader.CountOf(5); left > 0; left--)
        {
            // One that was refused here, because the link was full, has nobody to answer any more.
            var question = reader.Number();
            var batch = TryFind(question, out var pending) ? pending.Inner as PublishBatch ?? throw WireReader.Malformed() : null;
            answers.Add((question, EventWire.ReadReply(ref reader, batch, pending.Sender ?? ActorRefs.Nobody)));
        }

        EventWire.ReadTraces(ref reader, events.Length, (index, trace) => events[index].Trace = trace);
        var replies = answers.Where(answer => TryTake(answer.Number, out _) && answer.Reply.Batch.WantsReply).Select(static answer => answer.Reply).ToList();

        if (replica is not null)
        {
            replica.Tell(new ChannelBatch(events, [.. replies]), this);
            return;
        }

        foreach (var reply in replies)
        {
            reply.ReplyTo.Tell(reply, this);
        }
    }

    private bool TryFind(long number, out Pending pending)
    {
        lock (_gate)
        {
            return _pending.TryGetValue(number, out pending);
        }
    }

    private bool TryTake(long number, out Pending pending)
    {
        lock (_gate)
        {
            return _pending.Remove(number, out pending);
        }
    }

    private IActorRef? Find(long number)
    {
        lock (_gate)
        {
            return _replicas.GetValueOrDefault(number);
        }
    }

    private IActorRef? Forget(long number)
    {
        lock (_gate)
        {
            // It may have joined again under another number meanwhile.
            if (_replicas.Remove(number, out var replica) && _numbers.GetValueOrDefault(replica) == number)
            {
                _numbers.Remove(replica);
            }

            return replica;
        }
    }

    private enum Sending
    {
        Done,
        Overloaded,
        Unknown,
        NeverJoined,
    }

    private readonly record struct Pending(object Message, object Inner, string Entity, IActorRef? Sender);
}
