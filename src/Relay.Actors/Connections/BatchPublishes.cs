using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// The <c>publish_batch</c>es of one connection that are on their way: each is cut by channels, what belongs to one channel stays in its order, and the
/// answer goes out when every channel has answered. Owned by the connection's turn.
/// </summary>
internal sealed class BatchPublishes
{
    private readonly Dictionary<long, Part> _parts = [];
    private long _lastTag;

    /// <summary>Cuts a batch.</summary>
    /// <param name="command">The batch.</param>
    /// <param name="refusal">Why the client may not publish an item; null when it may.</param>
    /// <param name="send">Brings items to their channel; the number comes back with the reply.</param>
    /// <returns>The results, when no channel has to be asked.</returns>
    public PublishResult[]? Begin(PublishBatchCommand command, Func<PublishCommand, string?> refusal, Action<string, PublishItem[], long> send)
    {
        var results = new PublishResult[command.Items.Count];
        var byChannel = new Dictionary<string, (List<PublishItem> Items, List<int> Places)>(StringComparer.Ordinal);
        var channels = new List<string>();
        for (var i = 0; i < results.Length; i++)
        {
            if (command.Items[i] is not PublishCommand publish)
            {
                var rejected = (RejectedCommand)command.Items[i];
                results[i] = new PublishResult { Error = rejected.Code, ErrorText = rejected.Message };
            }
            else if (refusal(publish) is { } reason)
            {
                results[i] = new PublishResult { Channel = publish.Channel, Error = ErrorCode.NotAuthorized, ErrorText = reason };
            }
            else
            {
                if (!byChannel.TryGetValue(publish.Channel, out var part))
                {
                    part = ([], []);
                    byChannel.Add(publish.Channel, part);
                    channels.Add(publish.Channel);
                }

                part.Items.Add(ItemOf(publish));
                part.Places.Add(i);
            }
        }

        if (channels.Count == 0)
        {
            return results;
        }

        var batch = new Pending(command.RequestId, results, channels.Count);
        foreach (var channel in channels)
        {
            var (items, places) = byChannel[channel];
            _parts.Add(++_lastTag, new Part(batch, [.. places]));
            send(channel, [.. items], _lastTag);
        }

        return null;
    }

    /// <summary>A channel has answered its part.</summary>
    /// <returns>True when it was the last one: then the batch has its results.</returns>
    public bool TryEnd(PublishReply reply, out RequestId requestId, out PublishResult[] results)
    {
        (requestId, results) = (RequestId.None, []);
        if (!_parts.Remove(reply.Batch.Tag, out var part))
        {
            return false;
        }

        for (var i = 0; i < part.Places.Length; i++)
        {
            part.Batch.Results[part.Places[i]] = PublishAnswers.ResultOf(reply, i);
        }

        (requestId, results) = (part.Batch.RequestId, part.Batch.Results);
        return --part.Batch.Open == 0;
    }

    /// <summary>What a publish brings to its channel.</summary>
    public static PublishItem ItemOf(PublishCommand command) => new()
    {
        Event = command.Event,
        Data = command.Data,
        RequestId = command.RequestId,
        IdempotencyKey = command.IdempotencyKey,
        Key = command.Key,
        TtlMilliseconds = command.TtlMilliseconds,
        IfVersion = command.IfVersion,
        Trace = command.Trace,
    };

    private sealed class Pending(RequestId requestId, PublishResult[] results, int open)
    {
        public RequestId RequestId => requestId;

        public PublishResult[] Results => results;

        /// <summary>Channels that have not answered.</summary>
        public int Open { get; set; } = open;
    }

    private sealed record Part(Pending Batch, int[] Places);
}
