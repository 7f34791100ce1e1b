namespace Relay.Actors.Cluster;

/// <summary>What a message between two nodes is, its first byte. A number is never used for anything else again.</summary>
internal enum NodeMessage : byte
{
    /// <summary>number, shard, token, entity, then a question of <see cref="QuestionWire"/>. To the owner.</summary>
    Question = 1,

    /// <summary>number, shard, token, then an answer of <see cref="QuestionWire"/>. To who asked.</summary>
    Answer = 2,

    /// <summary>number, shard, token, entity: a replica joins; the number is its name from now on. To the owner.</summary>
    ReplicaJoin = 3,

    /// <summary>number, shard, token, entity. To the owner.</summary>
    ReplicaLeave = 4,

    /// <summary>number, shard, token, entity, subscribers. To the owner.</summary>
    ReplicaCount = 5,

    /// <summary>number, shard, token, position. To the replica's node, as the next ones.</summary>
    ReplicaJoined = 6,

    /// <summary>number, shard, token, reason.</summary>
    ReplicaRefused = 7,

    /// <summary>number, shard, token.</summary>
    ReplicaLeft = 8,

    /// <summary>number, shard, token, events, then answers: number of the question and the reply.</summary>
    ReplicaBatch = 9,

    /// <summary>pairs of shard and token (<see cref="ShardToken"/>): the sender serves them from now on.</summary>
    Serving = 10,

    /// <summary>shard, token: the sender has answered what it took, and takes nothing more.</summary>
    Stopped = 11,

    /// <summary>shard, move: may it be brought over?</summary>
    Prepare = 12,

    /// <summary>shard, move: it may; behind it a true flag from nodes that take <see cref="StateAhead"/> and <see cref="StateRest"/>.</summary>
    Prepared = 13,

    /// <summary>shard, move, channel, then a channel's state.</summary>
    State = 14,

    /// <summary>shard, move, number of channels.</summary>
    StateEnd = 15,

    /// <summary>shard, move: all states are there; or, with a false flag, they are not.</summary>
    StateTaken = 16,

    /// <summary>shard, move, epoch of the store, fence: it is the receiver's.</summary>
    Given = 17,

    /// <summary>shard, move: nothing comes of it.</summary>
    MoveOff = 18,

    /// <summary>shard, move, channel, then a channel's state while it is still served.</summary>
    StateAhead = 19,

    /// <summary>shard, move, channel, then what has come to it since: in place of <see cref="State"/>.</summary>
    StateRest = 20,

    /// <summary>agent, entity, whether it is subscribed, time: what is remembered of an agent. To all.</summary>
    AgentInterest = 30,

    /// <summary>number, pattern: the sender has subscribers of it; the number is its name from now on.</summary>
    PatternAdd = 40,

    /// <summary>number: the sender's channels know of it.</summary>
    PatternAdded = 41,

    /// <summary>number: nobody subscribes any more.</summary>
    PatternRemove = 42,

    /// <summary>number, channel, events.</summary>
    PatternBatch = 43,

    /// <summary>number, shard, token, entity, then what <see cref="PresenceWire"/> says: who is present by a replica. To the owner.</summary>
    ReplicaPresence = 44,

    /// <summary>number, shard, token, then what <see cref="PresenceWire"/> says: who is present by others. To the replica's node.</summary>
    ReplicaNews = 45,

    /// <summary>number, then who wants which session of a client (<see cref="SessionWire"/>). To all nodes.</summary>
    SessionAsked = 60,

    /// <summary>number, <see cref="SessionFate"/>, then the session if it is the asker's from now on.</summary>
    SessionAnswered = 61,

    /// <summary>number, sessions: the sender leaves, and they are the receiver's.</summary>
    SessionsLeft = 62,

    /// <summary>number: they are.</summary>
    SessionsKept = 63,

    /// <summary>What a node says of itself every second: sessions, connections by dialect, <see cref="FigureWire"/>, and behind a true flag its agents.</summary>
    News = 50,

    /// <summary>A part of all key figures (<see cref="FigureWire"/>), for a node that has none.</summary>
    FiguresAll = 51,

    /// <summary>number, <see cref="NodeTopic"/>, bytes. To all.</summary>
    NodeAsked = 52,

    /// <summary>number, whether it is the last part, bytes. To who asked.</summary>
    NodeTold = 53,

    /// <summary>Events of channel hooks that change <c>system.status</c>. To all.</summary>
    HooksPassed = 54,

    /// <summary>All that is behind <c>system.status</c>.</summary>
    HooksKnown = 55,

    /// <summary>A number of tokens that are not believed any more: by what, id, issued until, forgotten at. To all, and all of them to a node that comes.</summary>
    Revoked = 56,
}
