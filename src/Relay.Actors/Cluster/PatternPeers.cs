using Relay.Actors.Channels;
using Relay.Actors.Fanout;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>
/// The patterns of this node's subscribers, told to every other node in every session with it; and theirs, in this node's <see cref="PatternTable"/>, from where its channels read them.
/// Thread-safe; calls about one session come one after the other.
/// </summary>
internal sealed class PatternPeers(PatternTable table, Func<long> nextNumber) : IPatternPeers
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Own> _own = [];
    private readonly Dictionary<Peer, Dictionary<long, RemotePattern>> _theirs = [];

    /// <summary>Whether anybody here subscribes to patterns.</summary>
    public bool Any
    {
        get
        {
            lock (_gate)
            {
                return _own.Count > 0;
            }
        }
    }

    public long Announce(ChannelPattern pattern, IActorRef replica)
    {
        lock (_gate)
        {
            var own = new Own(nextNumber(), pattern.Text, replica);
            _own.Add(own.Number, own);
            own.Awaited.UnionWith(_theirs.Keys);
            foreach (var peer in _theirs.Keys.ToArray())
            {
                Send(peer, own);
            }

            TellIfKnown(own);
            return own.Number;
        }
    }

    public void Withdraw(long number)
    {
        lock (_gate)
        {
            if (_own.Remove(number))
            {
                foreach (var peer in _theirs.Keys.ToArray())
                {
                    peer.Send(new WireWriter().Byte((byte)NodeMessage.PatternRemove).Number(number));
                }
            }
        }
    }

    /// <summary>A session began: nothing that is asked of the other node from now on overtakes the patterns.</summary>
    public void Connected(Peer peer)
    {
        lock (_gate)
        {
            _theirs[peer] = [];
            foreach (var own in _own.Values)
            {
                if (!own.IsKnown)
                {
                    own.Awaited.Add(peer);
                }

                Send(peer, own);
                own.Replica.Tell(PatternInDoubt.Instance);
            }
        }
    }

    /// <summary>A session ended.</summary>
    public void Lost(Peer peer)
    {
        lock (_gate)
        {
            if (_theirs.Remove(peer, out var theirs))
            {
                foreach (var pattern in theirs.Values)
                {
                    table.Remove(pattern);
                }
            }

            foreach (var own in _own.Values)
            {
                own.Awaited.Remove(peer);
                TellIfKnown(own);
                own.Replica.Tell(PatternInDoubt.Instance);
            }
        }
    }

    /// <summary>The other node of a session said something about patterns.</summary>
    public void Take(NodeMessage kind, Peer peer, ref WireReader reader)
    {
        var number = reader.Number();
        switch (kind)
        {
            case NodeMessage.PatternAdd:
                Add(peer, number, reader.Text());
                break;
            case NodeMessage.PatternAdded:
                Confirmed(peer, number);
                break;
            case NodeMessage.PatternRemove:
                Remove(peer, number);
                break;
            default:
                var channel = reader.Text();
                Find(number)?.Tell(new ChannelBatch(EventWire.ReadAll(ref reader, channel), []));
                break;
        }
    }

    private void Add(Peer peer, long number, string text)
    {
        if (!ChannelPattern.TryParse(text, out var pattern))
        {
            throw WireReader.Malformed();
        }

        lock (_gate)
        {
            if (!_theirs.TryGetValue(peer, out var theirs))
            {
                return;
            }

            if (!theirs.ContainsKey(number))
            {
                var replica = new RemotePattern(peer, number);
                theirs.Add(number, replica);
                table.Add(pattern, replica);
            }
        }

        peer.Send(new WireWriter().Byte((byte)NodeMessage.PatternAdded).Number(number));
    }

    private void Remove(Peer peer, long number)
    {
        lock (_gate)
        {
            if (_theirs.TryGetValue(peer, out var theirs) && theirs.Remove(number, out var replica))
            {
                table.Remove(replica);
            }
        }
    }

    private void Confirmed(Peer peer, long number)
    {
        lock (_gate)
        {
            if (_own.TryGetValue(number, out var own) && own.Awaited.Remove(peer))
            {
                TellIfKnown(own);
            }
        }
    }

    private IActorRef? Find(long number)
    {
        lock (_gate)
        {
            return _own.GetValueOrDefault(number)?.Replica;
        }
    }

    private static void Send(Peer peer, Own own) => peer.Send(new WireWriter().Byte((byte)NodeMessage.PatternAdd).Number(own.Number).Text(own.Pattern));

    private static void TellIfKnown(Own own)
    {
        if (!own.IsKnown && own.Awaited.Count == 0)
        {
            own.IsKnown = true;
            own.Replica.Tell(new PatternKnown(own.Number));
        }
    }

    /// <summary>A pattern of this node.</summary>
    private sealed class Own(long number, string pattern, IActorRef replica)
    {
        public long Number => number;

        public string Pattern => pattern;

        public IActorRef Replica => replica;

        /// <summary>Nodes that have not said yet that they know it.</summary>
        public HashSet<Peer> Awaited { get; } = [];

        /// <summary>All that were connected have known it at the same time.</summary>
        public bool IsKnown { get; set; }
    }
}

/// <summary>The replica of a pattern on another node, as the channels of this one see it. Any number of them tell it at the same time.</summary>
internal sealed class RemotePattern(Peer peer, long number) : IActorRef, IRemoteRef
{
    [ThreadStatic]
    private static WireWriter? s_writer;

    public Peer Peer => peer;

    public ActorPath Path => peer.Lifetime.Path;

    public ActorSystem? System => peer.Services.System;

    public void Tell(object message, IActorRef? sender = null)
    {
        if (message is not ChannelBatch { Events: [var first, ..] events })
        {
            System!.DeadLetters.Tell(message, sender);
            return;
        }

        var writer = WireWriter.Of(ref s_writer).Byte((byte)NodeMessage.PatternBatch).Number(number).Text(first.Channel);
        EventWire.Write(writer, events);
        peer.Send(writer);
    }

    public override string ToString() => $"{peer.Node}/pattern-{number}";
}
