using Relay.Actors.Bridges;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <content>
/// In a cluster one node reads a stream, so that its order stays. Who comes next takes over all that is pending, whoever held it, and begins with that; what a former reader still
/// brings is known by its key.
/// </content>
internal sealed partial class RedisStreamLoop
{
    private static readonly TimeSpan TurnInterval = TimeSpan.FromMilliseconds(100);

    // A former reader may still wait at the server for FullPause, and be given an entry.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private const int TakenAtOnce = 1000;

    private bool IsReader => _options.IsReader?.Invoke(_options.NameOf(_stream)) != false;

    /// <summary>Returns when this node is to read.</summary>
    private async Task AwaitTurnAsync(CancellationToken stopping)
    {
        if (IsReader)
        {
            return;
        }

        // Somebody else's now, with their tries.
        _asides = new SetAside<string>(_services, _options.MaxTries, _options.RetryPause);
        _partly.Clear();
        Well();
        for (var since = _services.Time.GetTimestamp(); _services.Time.GetElapsedTime(since) < Quiet;)
        {
            await Task.Delay(TurnInterval, _services.Time, stopping);
            since = IsReader ? since : _services.Time.GetTimestamp();
        }
    }

    private async Task TakePendingAsync(CancellationToken stopping)
    {
        if (_options.IsReader is null)
        {
            return;
        }

        for (var cursor = "0-0"; ;)
        {
            cursor = await _redis.StreamTakeOverAsync(_stream, _options.Group, _options.Consumer, cursor, TakenAtOnce);
            if (cursor == "0-0")
            {
                return;
            }

            stopping.ThrowIfCancellationRequested();
        }
    }
}
