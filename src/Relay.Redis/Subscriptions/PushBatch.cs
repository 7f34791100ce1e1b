namespace Relay.Redis;

/// <summary>
/// Messages of one read, delivered in runs of one handler each, so a handler that serves several channels sees their messages in the order of the
/// server. Owned by the read loop of the subscriber's connection.
/// </summary>
internal sealed class PushBatch(Action<Exception> failed)
{
    // A handler gets at most this many at once; more only delays the first of them.
    private const int Capacity = 1024;

    private readonly PushMessage[] _messages = new PushMessage[Capacity];
    private int _count;

    public bool IsEmpty => _count == 0;

    public bool IsFull => _count == Capacity;

    public void Add(in PushMessage message) => _messages[_count++] = message;

    public async ValueTask DeliverAsync()
    {
        for (var from = 0; from < _count;)
        {
            var handler = _messages[from].Subscription.Handler;
            var to = from + 1;
            while (to < _count && ReferenceEquals(_messages[to].Subscription.Handler, handler))
                to++;
            try
            {
                await handler.OnMessagesAsync(_messages.AsMemory(from..to));
            }
            catch (Exception error)
            {
                failed(error);
            }

            from = to;
        }

        Array.Clear(_messages, 0, _count);
        _count = 0;
    }
}
