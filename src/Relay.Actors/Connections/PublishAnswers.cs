using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>What a channel's reply says to the client who published: one answer for a publish, one result for an item of a batch. Pure code.</summary>
internal static class PublishAnswers
{
    /// <summary>When what a channel's journal could not do may be tried again. The channel tries every second itself.</summary>
    private const int RetryAfterMilliseconds = 1000;

    /// <summary>The refusal of a request that may be tried again in a second.</summary>
    public static AckMessage NotNow(RequestId requestId, string reason, long now) => new()
    {
        TimestampMicros = now, RequestId = requestId, Error = ErrorCode.Unavailable, ErrorText = reason, RetryAfterMilliseconds = RetryAfterMilliseconds,
    };

    public static AckMessage Of(PublishReply reply, int index, long now)
    {
        var requestId = reply.Batch.Items[index].RequestId;
        ref readonly var outcome = ref reply.Outcomes[index];
        if (reply.Refusal is { } reason)
        {
            return NotNow(requestId, reason, now);
        }

        return outcome.Error switch
        {
            null => new PublishedMessage
            {
                TimestampMicros = now, RequestId = requestId, Position = outcome.Position, Duplicate = outcome.Duplicate, Subscribers = reply.Subscribers,
            },
            ErrorCode.VersionMismatch => new VersionMismatchMessage
            {
                TimestampMicros = now, RequestId = requestId, Error = outcome.Error, ErrorText = outcome.ErrorText, Current = outcome.Position,
            },
            _ => new AckMessage { TimestampMicros = now, RequestId = requestId, Error = outcome.Error, ErrorText = outcome.ErrorText },
        };
    }

    public static PublishResult ResultOf(PublishReply reply, int index)
    {
        var channel = reply.Batch.Channel;
        if (reply.Refusal is { } reason)
        {
            return new PublishResult { Channel = channel, Error = ErrorCode.Unavailable, ErrorText = reason, RetryAfterMilliseconds = RetryAfterMilliseconds };
        }

        ref readonly var outcome = ref reply.Outcomes[index];
        return new PublishResult
        {
            Channel = channel,
            Error = outcome.Error,
            ErrorText = outcome.ErrorText,
            Position = outcome.Position,
            Duplicate = outcome.Duplicate,
            Subscribers = reply.Subscribers,
        };
    }
}
