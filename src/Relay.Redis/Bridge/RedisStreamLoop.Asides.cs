using Relay.Actors.Bridges;
using Relay.Protocol;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <content>Entries that were set aside, and those that become dead letters.</content>
internal sealed partial class RedisStreamLoop
{
    /// <summary>Tries again what was set aside and is due; waits while that is too much.</summary>
    private async Task TendAsync(CancellationToken stopping)
    {
        while (true)
        {
            foreach (var (aside, fate) in await _asides.TryAgainAsync())
            {
                if (_asides.Contains(aside.Id))
                {
                    await SettleAsync(aside, fate);
                }
            }

            foreach (var dead in _asides.DueForBurial())
            {
                await BuryAsync(dead);
            }

            if (!_asides.IsFull)
            {
                return;
            }

            Ill($"{_asides.Count} entries failed and are tried again before others");
            await Task.Delay(FullPause, _services.Time, stopping);
        }
    }

    private async Task SettleAsync(Aside<string> aside, BridgeFate fate)
    {
        if (fate.Open is not { } open)
        {
            await _redis.StreamAcknowledgeAsync(_stream, _options.Group, aside.Id);
            _asides.Remove(aside.Id);
            _services.Metrics.Accepted(RedisStreamSource.SourceName, 1);
        }
        else if (!fate.IsItsOwn)
        {
            _asides.Later(aside, fate);
        }
        else if (_asides.Failed(aside.Id, open, fate.Reason!) is { } dead)
        {
            await BuryAsync(dead);
        }
    }

    private async Task BuryAsync(Aside<string> dead)
    {
        if (await _dead.TryMoveAsync(dead.Id, dead.Tries, dead.Reason))
        {
            _asides.Remove(dead.Id);
        }
        else
        {
            _asides.NotBuried(dead);
        }
    }

    /// <summary>The one entry that came alone and was still more than the client takes as a reply: the server moves it without showing it.</summary>
    private async Task BuryTooLargeAsync()
    {
        var held = await _redis.StreamPendingIdsAsync(_stream, _options.Group, _options.Consumer, SetAside<string>.Most + 1);
        if (held.FirstOrDefault(id => !_asides.Contains(id)) is { } id)
        {
            _services.Faults.Report(RedisStreamSource.SourceName, EnvelopeFault.TooLarge);
            await BuryAsync(new Aside<string>(id, null, 1, "larger than one answer of Redis may be here", 0));
        }

        _isTooLarge = false;
    }
}
