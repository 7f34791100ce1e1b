using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <content>Sessions that come from another node, or go there.</content>
internal sealed partial class ContextBehaviour
{
    // Of a session that another node began.
    private string? _token;

    // Only another node can say whether a token is genuine that this one did not give.
    private bool MayExist(string token, out long session) =>
        core.Services.OtherSessions is null ? core.Services.Tokens.TryRead(token, out session) : SessionTokens.TryParse(token, out session);

    private void FindElsewhere(Resuming resuming)
    {
        if (core.Services.OtherSessions is not { } others)
        {
            EndResuming(ErrorCode.SessionNotFound);
        }
        else if (resuming.WasSearched)
        {
            // It came, and somebody else was faster.
            EndResuming(ErrorCode.Unavailable);
        }
        else
        {
            resuming.WasSearched = true;
            others.Tell(new SearchSession(resuming.Session, resuming.Command.Session, core.Principal, core.AgentId, core.Client.OpenedMicros), core.Self);
        }
    }

    private void Searched(Resuming resuming, ErrorCode? refusal)
    {
        if (refusal is { } reason)
        {
            EndResuming(reason);
        }
        else
        {
            Find(resuming);
        }
    }

    // What it was subscribed to goes on over there, from the positions that the client has.
    private void GiveUp(GiveUp message)
    {
        var record = Record();

        // Connections of different nodes have no common number; their clocks are nearly one. A wrong refusal costs a client its subscriptions, which it makes anew; the other mistake
        // would take a session from where its client is.
        var isOlder = message.OpenedMicros < core.Client.OpenedMicros;
        if (WhyNotGive(message.Session, message.Token, isOlder, record, message.Principal, message.AgentId) is { } reason)
        {
            core.Context.Sender.Tell(new TakeOverRefused(reason), core.Self);
            return;
        }

        if (_announced)
        {
            Announce("agent.disconnected");
            _announced = false;
        }

        core.Handover = new Handover(null) { IsTaken = true };
        core.Client.Close(CloseCode.Replaced, "Session resumed by another connection");
        core.UnsubscribeAll();
        core.Context.Sender.Tell(new SessionGivenUp(record), core.Self);
    }
}

/// <summary>To who finds sessions on other nodes: bring this one into the store of this node. Answered by <see cref="SessionSearched"/> within a second.</summary>
/// <param name="Session">The number that the token names.</param>
/// <param name="Token">As the client wrote it.</param>
/// <param name="Principal">Who wants it.</param>
/// <param name="AgentId">The agent it speaks for, null when none.</param>
/// <param name="OpenedMicros">When the connection that wants it was accepted.</param>
internal sealed record SearchSession(long Session, string Token, Principal Principal, string? AgentId, long OpenedMicros);

/// <summary>The session is in the store of this node, or it is refused: not found, not for you, or not now.</summary>
internal sealed record SessionSearched(ErrorCode? Refusal);
