using Relay.Kernel.Persistence;
using Relay.Redis;
using Relay.Redis.Resp;
using Relay.Redis.Servers;

namespace Relay.Storage.Journals.Redis;

/// <content>
/// The server remembers over which servers its streams are spread, and nothing is opened for a node that was told of others: what would be looked for elsewhere must not be begun anew there.
/// </content>
public sealed partial class RedisJournal
{
    /// <summary>Asked before something is put on a server on which nothing lies yet: why not, or null.</summary>
    internal Func<ValueTask<string?>>? MayBegin { get; set; }

    private RedisArg Ring => JournalKeys.Ring(_options.Prefix);

    /// <summary>The servers over which what lies here was spread; null when nothing lies here.</summary>
    /// <exception cref="JournalException">The server cannot be asked.</exception>
    internal async ValueTask<string?> FindRingAsync()
    {
        // In this order: who begins here at this moment writes the ring before the index.
        var hasStreams = (await AskAsync(() => _redis.SendAsync("EXISTS", Index))).AsBoolean();
        return (await AskAsync(() => _redis.SendAsync("GET", Ring))).AsString() ?? (hasStreams ? RedisServers.MainName : null);
    }

    private async ValueTask<RedisValue> OpenOrBeginAsync(OpenStream open, RedisArg[] keys)
    {
        for (var isBegun = false; ; isBegun = true)
        {
            try
            {
                return await OpenScript.RunAsync(_redis, [.. keys, Ring], [open.Stream, open.Fence, Text(open.EpochIfNew), _options.Ring]);
            }
            catch (RedisException nothing) when (nothing.Code == "NORING" && !isBegun)
            {
                if (MayBegin is not null && await MayBegin() is { } reason)
                {
                    throw new RedisException(RedisErrorKind.ServerError, reason, nothing, "RING");
                }

                await _redis.SendAsync("SET", Ring, _options.Ring, "NX");
            }
        }
    }

    /// <summary>Nobody writes: whether it could be. So a server that is away is known before it is needed, and all are begun while all are there.</summary>
    private async ValueTask<string?> ProbeAsync()
    {
        if (_illness is null && _redis.State is { State: RedisState.Connecting, Attempt: <= 1 })
        {
            // Nothing is known yet: a node that has just started is no episode for the log.
            return null;
        }

        try
        {
            var ring = await FindRingAsync();
            if (ring is not null)
            {
                return ring == _options.Ring ? null : $"its streams were spread over the servers \"{ring}\", and this node is told of \"{_options.Ring}\"";
            }

            if (MayBegin is null)
            {
                return null;
            }

            if (await MayBegin() is { } reason)
            {
                return reason;
            }

            await _redis.SendAsync("SET", Ring, _options.Ring, "NX");
            return null;
        }
        catch (Exception error) when (error is RedisException or JournalException)
        {
            return (error.InnerException ?? error).Message;
        }
    }
}
