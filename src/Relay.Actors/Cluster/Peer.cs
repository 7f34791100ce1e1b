using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Cluster;
using Relay.Cluster.Links;
using Relay.Kernel;

namespace Relay.Actors.Cluster;

/// <summary>
/// One session with another node, as the shards of this node see it: its replicas and its askers. Ends with the session, and whoever watches one of its replicas is told.
/// </summary>
internal sealed class Peer(NodeId node, IActorRef lifetime, RemoteServices services)
{
    private readonly Dictionary<long, RemoteReplica> _replicas = [];

    public NodeId Node => node;

    public IActorRef Lifetime => lifetime;

    public RemoteServices Services => services;

    /// <summary>The replica of that number, a new one where there is none.</summary>
    public RemoteReplica Join(long number, int shard, long token, string channel)
    {
        lock (_replicas)
        {
            if (!_replicas.TryGetValue(number, out var replica))
            {
                _replicas.Add(number, replica = new RemoteReplica(this, number, shard, token, channel));
            }

            return replica;
        }
    }

    public RemoteReplica? Find(long number)
    {
        lock (_replicas)
        {
            return _replicas.GetValueOrDefault(number);
        }
    }

    public void Forget(long number)
    {
        lock (_replicas)
        {
            _replicas.Remove(number);
        }
    }

    /// <summary>Forgets the replicas of a shard that is served here no more.</summary>
    public void Forget(int shard, long token)
    {
        lock (_replicas)
        {
            foreach (var (number, replica) in _replicas)
            {
                if (replica.Shard == shard && replica.Token <= token)
                {
                    _replicas.Remove(number);
                }
            }
        }
    }

    /// <summary>What cannot be brought must not be missed: the other side begins again, and asks for what it lacks.</summary>
    public void Send(WireWriter writer)
    {
        if ((writer.Length > LinkOptions.MaxMessage || !services.Links.TrySend(node, writer.Written)) && services.IsConnected(node))
        {
            services.Links.Reset(node);
        }
    }

    /// <summary>What may be missed: it is left out where the link takes nothing more.</summary>
    public void TrySend(WireWriter writer)
    {
        if (writer.Length <= LinkOptions.MaxMessage)
        {
            services.Links.TrySend(node, writer.Written);
        }
    }

    public void End() => services.System.Stop(lifetime);
}

/// <summary>A ref to something on another node.</summary>
internal interface IRemoteRef
{
    /// <summary>The session it is of; compare by reference.</summary>
    Peer Peer { get; }
}

/// <summary>Who asked a shard of this node from another one: brings the answer there.</summary>
internal sealed class RemoteAsker(Peer peer, int shard, long token, long number) : IActorRef, IRemoteRef
{
    [ThreadStatic]
    private static WireWriter? s_writer;

    public Peer Peer => peer;

    public long Number => number;

    public ActorPath Path => peer.Lifetime.Path;

    public ActorSystem? System => peer.Services.System;

    public void Tell(object message, IActorRef? sender = null)
    {
        var writer = WireWriter.Of(ref s_writer).Byte((byte)NodeMessage.Answer).Number(number).Count(shard).Number(token);
        if (!QuestionWire.TryWriteAnswer(writer, message))
        {
            System!.DeadLetters.Tell(message, sender);
            return;
        }

        if (writer.Length > LinkOptions.MaxMessage)
        {
            writer.Clear().Byte((byte)NodeMessage.Answer).Number(number).Count(shard).Number(token);
            QuestionWire.TryWriteAnswer(writer, new Status.Failure(new InvalidOperationException("The answer is too large to be brought from another node")));
        }

        peer.Send(writer);
    }

    public override string ToString() => $"{peer.Node}/{number}";
}

/// <summary>The replica of a channel on another node, as the channel sees it.</summary>
internal sealed class RemoteReplica(Peer peer, long number, int shard, long token, string channel) : ActorProxy(peer.Lifetime), IRemoteRef
{
    [ThreadStatic]
    private static WireWriter? s_writer;

    public Peer Peer => peer;

    public int Shard => shard;

    public long Token => token;

    public override void Tell(object message, IActorRef? sender = null)
    {
        var writer = WireWriter.Of(ref s_writer);
        switch (message)
        {
            case ChannelBatch batch:
                Write(Head(writer, NodeMessage.ReplicaBatch).Text(channel), batch);
                break;
            case ReplicaJoined joined:
                Head(writer, NodeMessage.ReplicaJoined).Position(joined.Position);
                break;
            case ReplicaRefused refused:
                Head(writer, NodeMessage.ReplicaRefused).Text(refused.Reason);
                break;
            case PresenceNews news:
                PresenceWire.Write(Head(writer, NodeMessage.ReplicaNews), news.Statement);
                break;
            case ReplicaLeft:
                peer.Forget(number);
                Head(writer, NodeMessage.ReplicaLeft);
                break;
            default:
                System.DeadLetters.Tell(message, sender);
                return;
        }

        peer.Send(writer);
    }

    private static void Write(WireWriter writer, ChannelBatch batch)
    {
        if (batch.Written is { } written)
        {
            writer.Raw(written.Written);
        }
        else
        {
            EventWire.Write(writer, batch.Events);
        }

        writer.Count(batch.Replies.Length);
        foreach (var reply in batch.Replies)
        {
            EventWire.Write(writer.Number(((RemoteAsker)reply.ReplyTo).Number), reply);
        }

        EventWire.WriteTraces(writer, EventWire.TracesOf(batch.Events));
    }

    private WireWriter Head(WireWriter writer, NodeMessage kind) => writer.Byte((byte)kind).Number(number).Count(shard).Number(token);
}
