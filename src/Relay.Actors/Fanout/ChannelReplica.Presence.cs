using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <content>Who is present: on this node, and what the channel's owner says of the others.</content>
public sealed partial class ChannelReplica
{
    // Null where there is no other node.
    private readonly SharedPresence? _shared;

    private void HandlePresence(object message)
    {
        switch (message)
        {
            case PresenceQuery query:
                AskPresence(query);
                break;
            case PresenceListQuery:
                AskPresence(Sender);
                break;
            case PresentElsewhereReply reply:
                AnswerPresence(reply.Query.Tag!, _shared!.Answer(reply, _channel));
                break;
            case PresenceNews news:
                Receive(news);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void AskPresence(object asker)
    {
        if (_shared is null or { KnowsOthers: true })
        {
            AnswerPresence(asker, _members.Presence.List(_channel));
        }
        else
        {
            _shared.Ask(asker);
        }
    }

    // By the newest that is known in this very turn: no join or leave overtakes it.
    private void AnswerPresence(object asker, PresenceList list)
    {
        if (asker is PresenceQuery query)
        {
            query.Client.Send(list.Refusal is { } reason ? Connections.PublishAnswers.NotNow(query.RequestId, reason, Now) : list.Answer(query.RequestId, Now));
        }
        else
        {
            ((IActorRef)asker).Tell(list, Self);
        }
    }

    private void Receive(PresenceNews news)
    {
        if (_shared is not null && Sender == _owner && _shared.Receive(news.Statement, Now) && Live is not null)
        {
            BeginWaiting();
        }
    }

    // Whoever joins behind its ack it has to be told of.
    private bool MustWaitForPresence(Subscription subscription)
    {
        if (subscription.Presence == PresenceWish.None || _shared is null or { KnowsOthers: true })
        {
            return false;
        }

        _shared.Want();
        _members.Wait(subscription);
        return true;
    }
}
