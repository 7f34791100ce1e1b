using Relay.Kernel;

namespace Relay.Actors.Fanout;

/// <summary>
/// What a replica says to the channel's owner of who is present by it, and asks of the others. Only a replica with members, or with somebody who is about to be one, watches the others: it
/// knows all of them, so it can tell who comes and goes, and answers for itself who is present. The others ask the owner. When the owner changes it is told everything again, and what was
/// known of the others counts until the new owner has said who there is; then only the difference is told. Owned by the replica's turn; only where there are other nodes.
/// </summary>
internal sealed class SharedPresence(string node, PresenceLedger ledger, ReplicaMembers members, Action<object> tellOwner)
{
    private Told _told;
    private bool _isWanted;

    private enum Told
    {
        /// <summary>No owner has been told anything that still counts.</summary>
        Nothing,

        /// <summary>A former owner was.</summary>
        Former,

        /// <summary>The owner was, and tells of the others.</summary>
        Owner,
    }

    /// <summary>All who are present on other nodes are known, and stay so.</summary>
    public bool KnowsOthers { get; private set; }

    /// <summary>Questions that the owner has not answered.</summary>
    public int Asked { get; private set; }

    /// <summary>Somebody is to be present as soon as <see cref="KnowsOthers"/>: whoever joins after his ack he must be told of.</summary>
    public void Want() => _isWanted = true;

    /// <summary>The channel has an owner, perhaps another one.</summary>
    public void Joined()
    {
        if (_told == Told.Owner)
        {
            _told = Told.Former;
        }
    }

    /// <summary>The owner has let the replica go.</summary>
    public void Left()
    {
        _told = Told.Nothing;
        if (KnowsOthers || _isWanted)
        {
            Forget();
        }
    }

    /// <summary>Asks the owner who is present on other nodes, for <paramref name="asker"/>, which is given back.</summary>
    public void Ask(object asker)
    {
        Asked++;
        tellOwner(new PresentElsewhere { Tag = asker });
    }

    /// <summary>The owner has answered.</summary>
    /// <returns>Who is present on <paramref name="channel"/>, by the newest that is known.</returns>
    public PresenceList Answer(PresentElsewhereReply reply, string channel)
    {
        Asked--;
        return KnowsOthers ? members.Presence.List(channel) : new PresenceList(channel, reply.Members, reply.Count, reply.Users) { Refusal = reply.Refusal };
    }

    /// <summary>The owner has said something of the others. True when all of them are known for the first time.</summary>
    public bool Receive(PresenceStatement statement, long nowMicros)
    {
        if (_told != Told.Owner || !members.Presence.Apply(statement, nowMicros) || KnowsOthers)
        {
            return false;
        }

        KnowsOthers = true;
        return true;
    }

    /// <summary>The end of a turn: the owner is told what has changed.</summary>
    /// <param name="self">The replica.</param>
    /// <param name="isJoined">Whether there is an owner who listens.</param>
    public void Complete(IActorRef self, bool isJoined)
    {
        var change = ledger.TakeChange(node);
        if (ledger.OwnCount == 0 && (!_isWanted || members.IsQuiet))
        {
            if (KnowsOthers || _isWanted)
            {
                Forget();
            }

            if (isJoined && _told != Told.Nothing)
            {
                _told = Told.Nothing;
                tellOwner(new PresenceReport(self, new PresenceStatement { Node = node, Begins = true, Ends = true }));
            }
        }
        else if (isJoined && _told != Told.Owner)
        {
            _told = Told.Owner;
            TellAll(self);
        }
        else if (isJoined && change is not null)
        {
            tellOwner(new PresenceReport(self, change));
        }
    }

    private void TellAll(IActorRef self)
    {
        IReadOnlyList<string>? others = KnowsOthers ? ledger.Others : null;
        foreach (var statement in PresenceStatement.All([(node, [.. ledger.Own])]))
        {
            tellOwner(new PresenceReport(self, statement with { Node = node, Watches = true, Others = statement.Begins ? others : null }));
        }
    }

    private void Forget()
    {
        _isWanted = false;
        KnowsOthers = false;
        members.Presence.ForgetOthers();
    }
}
