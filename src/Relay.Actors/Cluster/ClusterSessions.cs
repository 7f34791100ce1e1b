using Microsoft.Extensions.Logging;
using Relay.Actors.Connections;
using Relay.Cluster;
using Relay.Cluster.Links;
using Relay.Cluster.Node;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <summary>
/// The sessions of native clients that come to another node than the one they were on: asks all others for a session that this node does not have, gives others what it has, and hands
/// all it has to them when it leaves. Owns what is under way of that; the sessions themselves are the <see cref="SessionStore"/>'s.
/// </summary>
/// <remarks>
/// A session is in one place at a time or in none: who gives it has it no more. One that is lost on its way (its link ended at that moment) is a session not found, and its client subscribes
/// anew from the positions it has. Who asks while it is on its way is told to ask again.
/// </remarks>
internal sealed partial class ClusterSessions : ActorBase
{
    /// <summary>For the others' answers; who has not answered by then may have it.</summary>
    private static readonly TimeSpan SearchTime = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a session that was given away may take to be seen where it went.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of one message; a session has up to about a megabyte.</summary>
    private const int Batch = 256 * 1024;

    private readonly ConnectionServices _connections;
    private readonly ClusterView _view;
    private readonly Dictionary<NodeId, Peer> _peers = [];
    private readonly Dictionary<long, Search> _searches = [];
    private readonly Dictionary<string, long> _searched = new(StringComparer.Ordinal);
    private readonly Dictionary<IActorRef, (Peer Peer, long Number, SearchSession Wanted)> _givingUp = [];
    private readonly Dictionary<string, long> _given = new(StringComparer.Ordinal);
    private readonly Queue<string> _givenByAge = [];
    private readonly Dictionary<long, NodeId> _leftWith = [];
    private readonly WireWriter _writer = new();
    private readonly ILogger _log;
    private IActorRef? _whenLeft;
    private long _numbers;

    public ClusterSessions(ConnectionServices connections, ClusterView view, ILogger log)
    {
        _connections = connections;
        _view = view;
        _log = log;
    }

    protected override void OnReceive(object message)
    {
        try
        {
            Handle(message);
        }
        catch (Exception failure)
        {
            // A new instance would know neither the other nodes nor who waits.
            LogFailed(failure, message.GetType().Name);
        }
    }

    private void Handle(object message)
    {
        switch (message)
        {
            case SearchSession wanted:
                Begin(wanted, Sender);
                break;
            case SearchOver over when _searches.TryGetValue(over.Number, out var late):
                End(over.Number, late, ErrorCode.Unavailable);
                break;
            case SearchOver:
                break;
            case SessionGivenUp given when Forget(Sender) is { } open:
                Give(open.Peer, open.Number, open.Wanted, given.Record);
                break;
            case TakeOverRefused refused when Forget(Sender) is { } open:
                Answer(open.Peer, open.Number, refused.Reason switch
                {
                    ErrorCode.Unavailable => SessionFate.Moving,
                    ErrorCode.NotAuthorized => SessionFate.Refused,
                    _ => SessionFate.Unknown,
                });
                break;
            case Terminated terminated when Forget(terminated.ActorRef) is { } open:
                // It ended by itself meanwhile, and left its session.
                if (!TryGive(open.Peer, open.Number, open.Wanted))
                {
                    Answer(open.Peer, open.Number, FateOf(open.Wanted.Token));
                }

                break;
            case SessionGivenUp or TakeOverRefused or Terminated:
                break;
            case PeerConnected connected:
                _peers[connected.Peer.Node] = connected.Peer;
                break;
            case PeerLost lost:
                Lost(lost.Peer);
                break;
            case NodeSaid said when _peers.GetValueOrDefault(said.Peer.Node) == said.Peer:
                Take(said.Peer, said.Bytes);
                break;
            case NodeSaid:
                break;
            case LeaveSessions:
                _whenLeft = Sender;
                LeaveAll();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Begin(SearchSession wanted, IActorRef asker)
    {
        if (_peers.Count == 0)
        {
            asker.Tell(new SessionSearched(ErrorCode.SessionNotFound));
            return;
        }

        var number = ++_numbers;
        if (!_searched.TryAdd(wanted.Token, number))
        {
            asker.Tell(new SessionSearched(ErrorCode.Unavailable));
            return;
        }

        var search = new Search(asker, wanted.Token);
        _searches.Add(number, search);
        Context.Timers.StartSingle(number, new SearchOver(number), SearchTime);
        SessionWire.Write(Head(NodeMessage.SessionAsked, number), wanted);
        foreach (var peer in _peers.Values)
        {
            if (TrySend(peer))
            {
                search.Open.Add(peer.Node);
            }
            else
            {
                search.IsUnsure = true;
            }
        }

        EndIfAnswered(number, search);
    }

    private void Take(Peer peer, byte[] bytes)
    {
        try
        {
            var reader = new WireReader(bytes);
            var kind = (NodeMessage)reader.Byte();
            var number = reader.Number();
            switch (kind)
            {
                case NodeMessage.SessionAsked:
                    Asked(peer, number, SessionWire.ReadWanted(ref reader));
                    break;
                case NodeMessage.SessionAnswered:
                    Answered(peer, number, (SessionFate)reader.Byte(), ref reader);
                    break;
                case NodeMessage.SessionsLeft:
                    while (!reader.IsAtEnd)
                    {
                        _connections.Sessions.Keep(SessionWire.Read(ref reader));
                    }

                    Head(NodeMessage.SessionsKept, number);
                    peer.Send(_writer);
                    break;
                case NodeMessage.SessionsKept:
                    _leftWith.Remove(number);
                    SayLeft();
                    break;
                default:
                    throw WireReader.Malformed();
            }
        }
        catch (InvalidDataException)
        {
            peer.Services.Links.Reset(peer.Node);
        }
    }

    // Should the link not take it, the search ends as one that was not answered.
    private void Answer(Peer peer, long number, SessionFate fate)
    {
        Head(NodeMessage.SessionAnswered, number).Byte((byte)fate);
        TrySend(peer);
    }

    private void Answered(Peer peer, long number, SessionFate fate, ref WireReader reader)
    {
        if (fate == SessionFate.Given)
        {
            // Also when nobody waits for it any more: it is here now.
            _connections.Sessions.Keep(SessionWire.Read(ref reader));
        }

        if (!_searches.TryGetValue(number, out var search))
        {
            return;
        }

        switch (fate)
        {
            case SessionFate.Given:
                End(number, search, null);
                break;
            case SessionFate.Refused:
                End(number, search, ErrorCode.NotAuthorized);
                break;
            default:
                search.Open.Remove(peer.Node);
                search.IsUnsure |= fate != SessionFate.Unknown;
                EndIfAnswered(number, search);
                break;
        }
    }

    private void EndIfAnswered(long number, Search search)
    {
        if (search.Open.Count == 0)
        {
            End(number, search, search.IsUnsure ? ErrorCode.Unavailable : ErrorCode.SessionNotFound);
        }
    }

    private void End(long number, Search search, ErrorCode? refusal)
    {
        _searches.Remove(number);
        _searched.Remove(search.Token);
        Context.Timers.Cancel(number);
        search.Asker.Tell(new SessionSearched(refusal));
    }

    private void Lost(Peer peer)
    {
        if (_peers.GetValueOrDefault(peer.Node) == peer)
        {
            _peers.Remove(peer.Node);
        }

        foreach (var (number, search) in _searches.ToArray())
        {
            if (search.Open.Remove(peer.Node))
            {
                // It may have given it to somebody, last of all.
                search.IsUnsure = true;
                EndIfAnswered(number, search);
            }
        }

        foreach (var (number, node) in _leftWith.ToArray())
        {
            if (node == peer.Node)
            {
                _leftWith.Remove(number);
            }
        }

        SayLeft();
    }

    private WireWriter Head(NodeMessage kind, long number) => _writer.Clear().Byte((byte)kind).Number(number);

    private bool TrySend(Peer peer) => _writer.Length <= LinkOptions.MaxMessage && peer.Services.Links.TrySend(peer.Node, _writer.Written);

    [LoggerMessage(EventId = 240, Level = LogLevel.Error, Message = "Sessions of other nodes: {Message} failed")]
    private partial void LogFailed(Exception failure, string message);

    private sealed class Search(IActorRef asker, string token)
    {
        public IActorRef Asker => asker;

        public string Token => token;

        public HashSet<NodeId> Open { get; } = [];

        /// <summary>Somebody may have it who does not say so.</summary>
        public bool IsUnsure { get; set; }
    }

    private sealed record SearchOver(long Number);
}
