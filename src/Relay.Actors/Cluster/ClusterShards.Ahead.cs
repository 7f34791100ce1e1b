using Relay.Actors.Channels;
using Relay.Cluster.Links;
using Relay.Cluster.Node;
using Relay.Protocol;

namespace Relay.Actors.Cluster;

/// <content>
/// What channels hold in memory goes to the next owner while they still serve: then only what came to them meanwhile is left to go while nobody does. With 1,000 events kept by each
/// channel a shard stood still for up to 260 ms otherwise (docs/cluster.md, "Figures").
/// </content>
internal sealed partial class ClusterShards
{
    /// <summary>After this time the move goes on with what is over there; far below the time for which a move may last.</summary>
    private static readonly TimeSpan LongestAhead = TimeSpan.FromSeconds(2);

    // Read in one turn of the cluster's actor, which has heartbeats to send.
    private const int SleepersInTurn = 50;

    private void BeginAhead(int shard, OutgoingMove move)
    {
        var ahead = new StatesAhead(time.GetTimestamp());
        move.Ahead = ahead;
        var copy = new CopyState((channel, position, bytes) => links.TellKeeper(new StateCopied(shard, move.Number, channel, position, bytes)));
        ahead.Awaited = links.Shards.TellAll(shard, copy);
        ahead.Sleeping = new Queue<string>(archive.Names(channel => served.ShardOf(channel) == shard));
        GoAhead(shard, move);
    }

    private void Copied(StateCopied copied)
    {
        if (_slots[copied.Shard] is not { Phase: ShardPhase.Serving, Out: { Ahead: { IsDone: false } ahead } move } || move.Number != copied.Move)
        {
            return;
        }

        ahead.Awaited--;
        if (copied.Bytes.Length > 0)
        {
            ahead.Copied.Enqueue((copied.Channel, copied.Position, copied.Bytes));
        }

        GoAhead(copied.Shard, move);
    }

    // As far as the link takes it; the rest follows with the next tick, or with the next channel.
    private void GoAhead(int shard, OutgoingMove move)
    {
        var ahead = move.Ahead!;
        for (var i = 0; i < SleepersInTurn && ahead.Copied.Count == 0 && ahead.Sleeping.TryDequeue(out var sleeping); i++)
        {
            // One that woke up meanwhile goes over as a whole.
            archive.TryRead(sleeping, state => CopyState.Of(state, (position, bytes) => ahead.Copied.Enqueue((sleeping, position, bytes))));
            if (!TrySendAhead(shard, move, ahead))
            {
                return;
            }
        }

        if (!TrySendAhead(shard, move, ahead))
        {
            return;
        }

        if (ahead.Sleeping.Count > 0)
        {
            links.TellKeeper(new GoOnAhead(shard, move.Number));
        }
        else if (ahead.Awaited <= 0)
        {
            EndAhead(shard, move);
        }
    }

    private void GoOn(GoOnAhead going)
    {
        if (_slots[going.Shard] is { Phase: ShardPhase.Serving, Out: { Ahead.IsDone: false } move } && move.Number == going.Move)
        {
            GoAhead(going.Shard, move);
        }
    }

    private bool TrySendAhead(int shard, OutgoingMove move, StatesAhead ahead)
    {
        while (ahead.Copied.TryPeek(out var next))
        {
            _writer.Clear().Byte((byte)NodeMessage.StateAhead).Count(shard).Number(move.Number).Text(next.Channel).Raw(next.Bytes);
            if (_writer.Length <= LinkOptions.MaxMessage)
            {
                if (!links.TrySend(move.To, _writer))
                {
                    if (time.GetElapsedTime(ahead.Since) >= LongestAhead)
                    {
                        EndAhead(shard, move);
                    }

                    return false;
                }

                ahead.Sent[next.Channel] = next.Position;
            }

            ahead.Copied.Dequeue();
        }

        if (time.GetElapsedTime(ahead.Since) < LongestAhead)
        {
            return true;
        }

        EndAhead(shard, move);
        return false;
    }

    private void EndAhead(int shard, OutgoingMove move)
    {
        move.Ahead!.End();
        links.TellCluster(new PrepareAgreed(shard, move.Number));
    }
}

/// <summary>What of a shard's channels has gone to the next owner while they still serve.</summary>
internal sealed class StatesAhead(long since)
{
    /// <summary>A timestamp.</summary>
    public long Since => since;

    /// <summary>Where each channel stood when it was copied.</summary>
    public Dictionary<string, StreamPosition> Sent { get; } = new(StringComparer.Ordinal);

    /// <summary>Living channels that have not answered; one that went to rest meanwhile never does.</summary>
    public int Awaited { get; set; }

    /// <summary>Channels without an actor, not read yet.</summary>
    public Queue<string> Sleeping { get; set; } = new();

    /// <summary>Not sent yet.</summary>
    public Queue<(string Channel, StreamPosition Position, byte[] Bytes)> Copied { get; } = new();

    public bool IsDone { get; private set; }

    public void End()
    {
        IsDone = true;
        Sleeping.Clear();
        Copied.Clear();
    }
}

/// <summary>To the keeper: how a living channel of a shard stands, written as <see cref="StateWire"/> does; empty when it holds nothing in memory.</summary>
internal sealed record StateCopied(int Shard, long Move, string Channel, StreamPosition Position, byte[] Bytes);

/// <summary>To the keeper itself: more sleeping channels.</summary>
internal sealed record GoOnAhead(int Shard, long Move);
