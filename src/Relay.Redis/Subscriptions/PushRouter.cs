using System.Collections.Concurrent;
using Relay.Redis.Connections;

namespace Relay.Redis;

public sealed partial class RedisSubscriber
{
    /// <summary>
    /// From the bytes of a push to the handler. Called by the read loop of the current connection; a connection's loop has ended before the
    /// next one begins. The semaphore is for the one call that comes from elsewhere, OnRefused; it is taken once per read, not per message.
    /// Not disposed: without its wait handle a semaphore holds nothing.
    /// </summary>
    private sealed class PushRouter : IPushSink
    {
        private readonly RedisSubscriber _owner;
        private readonly PushBatch _batch;
        private RedisSubscription? _confirmed;
        private readonly SemaphoreSlim _delivering = new(1, 1);
        private readonly ConcurrentDictionary<byte[], RedisSubscription>.AlternateLookup<ReadOnlySpan<byte>> _channels;
        private readonly ConcurrentDictionary<byte[], RedisSubscription>.AlternateLookup<ReadOnlySpan<byte>> _patterns;

        public PushRouter(RedisSubscriber owner)
        {
            _owner = owner;
            _batch = new PushBatch(owner.HandlerFailed);
            _channels = owner._channels.GetAlternateLookup<ReadOnlySpan<byte>>();
            _patterns = owner._patterns.GetAlternateLookup<ReadOnlySpan<byte>>();
        }

        public bool MustFlush => _batch.IsFull || _confirmed is not null;

        public void OnMessage(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> channel, ReadOnlySpan<byte> payload)
        {
            // No subscription: it was disposed and the server had messages under way.
            if (pattern.IsEmpty)
            {
                if (_channels.TryGetValue(channel, out var exact))
                    _batch.Add(new PushMessage(exact, exact.NameBytes, payload.ToArray()));
            }
            else if (_patterns.TryGetValue(pattern, out var matching))
            {
                _batch.Add(new PushMessage(matching, channel.ToArray(), payload.ToArray()));
            }
        }

        // Told at the flush, behind the messages that came before it.
        public void OnConfirmed(object subscription) => _confirmed = (RedisSubscription)subscription;

        public async ValueTask FlushAsync()
        {
            if (!_batch.IsEmpty)
            {
                await _delivering.WaitAsync();
                try
                {
                    await _batch.DeliverAsync();
                }
                finally
                {
                    _delivering.Release();
                }
            }

            if (_confirmed is { } confirmed)
            {
                _confirmed = null;
                await _owner.ConfirmAsync(confirmed);
            }
        }

        public async ValueTask ExclusivelyAsync(RedisSubscription subscription, RedisException? error, Action<RedisSubscription, RedisException?> call)
        {
            await _delivering.WaitAsync();
            try
            {
                call(subscription, error);
            }
            finally
            {
                _delivering.Release();
            }
        }
    }
}
