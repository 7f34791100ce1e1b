using System.Globalization;
using Microsoft.Extensions.Logging;
using Relay.Actors.Bridges;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <summary>
/// Moves entries of one stream that cannot be delivered to the stream of dead letters. Where Redis does not let it (no memory, no right, a key of another type) the entry
/// stays pending and <c>/ready</c> says so. Owned by the stream's loop.
/// </summary>
internal sealed partial class RedisDeadLetters(RedisClient redis, string stream, RedisStreamOptions options, BridgeServices services, BridgeHealth health)
{
    private static readonly RedisScript DeadLetter = RedisScript.FromResource(typeof(RedisDeadLetters).Assembly, "dead_letter.lua");

    private readonly ILogger _log = services.Loggers.CreateLogger<RedisDeadLetters>();
    private readonly string _dead = options.DeadLettersOf(stream);
    private readonly HashSet<string> _waiting = new(StringComparer.Ordinal);

    /// <summary>False when the entry could not be moved and is to be moved later.</summary>
    /// <exception cref="RedisException">The connection or the group is gone.</exception>
    public async Task<bool> TryMoveAsync(string id, int tries, string reason)
    {
        try
        {
            var time = services.Time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
            var moved = await DeadLetter.RunAsync(redis, [stream, _dead], [options.Group, options.Consumer, id, reason, tries, time, options.DeadKept]);
            if (moved.AsInteger() == 1)
            {
                services.DeadLetters.Report(RedisStreamSource.SourceName, stream, _dead, id, tries, reason);
            }
        }
        catch (RedisException error) when (error.Kind == RedisErrorKind.ServerError && error.Code is not "NOGROUP")
        {
            if (_waiting.Count == 0)
            {
                LogNotMoved(id, stream, _dead, error.Message, reason);
            }

            _waiting.Add(id);
            Tell(error.Message);
            return false;
        }

        if (_waiting.Remove(id) && _waiting.Count == 0)
        {
            Tell(null);
        }

        return true;
    }

    private void Tell(string? error) => health.Set(stream + " dead letters", error is null
        ? null
        : $"{_waiting.Count} entries of stream {stream} cannot be delivered, nor moved to {_dead} ({error}); they stay pending");

    [LoggerMessage(EventId = 55, Level = LogLevel.Error,
        Message = "Entry {Id} of stream {Stream} cannot be moved to {Dead}: {Error}; it stays pending and is moved when that works. It cannot be delivered: {Reason}")]
    private partial void LogNotMoved(string id, string stream, string dead, string error, string reason);
}
