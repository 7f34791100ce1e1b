namespace Relay.Redis;

/// <summary>
/// Receives the messages of one or more subscriptions and learns of every interruption.
/// </summary>
/// <remarks>
/// Redis Pub/Sub keeps nothing: what is published between <see cref="OnDisconnected"/> and <see cref="OnReconnected"/> is lost to this
/// subscription, and so may be what was published shortly before OnDisconnected. Whoever needs all of it has to ask elsewhere for what it missed.
/// Calls never overlap. Messages come on the thread that reads the connection, in the order in which the server sent them; a handler that blocks
/// stops the reading: Redis cuts a subscriber that does not read (client-output-buffer-limit), and so does this side, whose keep-alive then hears
/// no answer. That thread may be one that serves many connections (<see cref="ISocketWatcher"/>): what has to wait is awaited. A handler must not throw; if it does, the
/// failure is logged once per episode and the batch counts as delivered.
/// </remarks>
public interface IRedisPushHandler
{
    /// <summary>
    /// Messages that arrived together, at least one. The list ends with the returned task; the names and payloads in it may be kept.
    /// The task must end even when the connection is over: the next one is opened only then.
    /// </summary>
    ValueTask OnMessagesAsync(ReadOnlyMemory<PushMessage> messages);

    /// <summary>The server confirmed the subscription for the first time: messages published from now on arrive.</summary>
    void OnSubscribed(RedisSubscription subscription);

    /// <summary>A confirmed subscription is interrupted.</summary>
    /// <param name="subscription">Which.</param>
    /// <param name="reason">For a person.</param>
    void OnDisconnected(RedisSubscription subscription, string reason);

    /// <summary>The server confirmed the subscription again after an interruption.</summary>
    void OnReconnected(RedisSubscription subscription);

    /// <summary>The server refused the subscription (NOPERM, for example). It stays registered and is asked for again every BackoffMax.</summary>
    void OnRefused(RedisSubscription subscription, RedisException error);
}

/// <summary>One published message.</summary>
/// <param name="Subscription">The subscription by which it came.</param>
/// <param name="Channel">The channel's name as bytes. For an exact subscription always the same array, so comparing references is enough.</param>
/// <param name="Payload">A fresh copy of exactly the payload's size. It may be kept, and keeping it keeps nothing else alive.</param>
/// <remarks>
/// Pooled payloads were the alternative. A relay hands the payload on to queues of many clients and to a replay tail; counting references there
/// would cost more than the one allocation per received message (not per delivery).
/// </remarks>
public readonly record struct PushMessage(RedisSubscription Subscription, ReadOnlyMemory<byte> Channel, ReadOnlyMemory<byte> Payload);
