using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.Persistence;
using Relay.Node.Configuration;
using Relay.Protocol;
using Relay.Storage.Journals.Redis;

namespace Relay.Node.Hosting;

/// <summary>
/// Brings stored chat sessions to life: after a start, and in a cluster whenever a part of the channels came to this node, all of them, so that they are listed, their open requests end
/// and their time runs; later those that were not used for their time to live, whose actors then remove them. The actor of a session stays the only one that touches its stream.
/// </summary>
internal sealed partial class SessionKeeper(
    ChannelJournals journals, RelaySystem relay, RelayOptions options, TimeProvider time, ILogger<SessionKeeper> logger) : BackgroundService
{
    private const string First = ChannelName.Sessions + "/";
    private const int Page = 500;

    /// <summary>Woken at once: enough for the journal to write them as a group, few beside the traffic.</summary>
    private const int AtOnce = 32;
    private static readonly TimeSpan WalkInterval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (journals.For(options.ForActors().For(First)) is not { } journal)
        {
            return;
        }

        // One after the other: a server that is away keeps only its own sessions waiting.
        var stores = journal is RingJournal ring ? ring.Servers : [journal];
        var walkedAt = time.GetTimestamp();
        var seen = await WakeAllAsync(stores, stoppingToken);
        relay.Sessions.MarkComplete(seen);
        using var ticks = new PeriodicTimer(LookInterval, time);
        while (await ticks.WaitForNextTickAsync(stoppingToken))
        {
            if (relay.Ownership is { } ownership && ownership.Version != seen)
            {
                seen = await WakeAllAsync(stores, stoppingToken);
                relay.Sessions.MarkComplete(seen);
            }
            else if (time.GetElapsedTime(walkedAt) >= WalkInterval)
            {
                walkedAt = time.GetTimestamp();
                var expired = (time.GetUtcNow() - options.WebUi.SessionTtl).ToUnixTimeMilliseconds() * 1000;
                foreach (var store in stores)
                {
                    await TryWalkAsync(store, stream => stream.State.LastMicros < expired, stoppingToken);
                }
            }
        }
    }

    /// <returns>What this node served when it began.</returns>
    private async Task<long> WakeAllAsync(IReadOnlyList<IJournal> stores, CancellationToken cancellationToken)
    {
        var served = relay.Ownership?.Version ?? 0;
        for (var left = stores; ;)
        {
            var failed = new List<IJournal>();
            foreach (var store in left)
            {
                if (!await TryWalkAsync(store, static _ => true, cancellationToken))
                {
                    failed.Add(store);
                }
            }

            if (failed.Count == 0)
            {
                return served;
            }

            await Task.Delay(RetryPause, time, cancellationToken);
            var now = relay.Ownership?.Version ?? 0;
            (left, served) = now == served ? (failed, served) : (stores, now);
        }
    }

    // True when all that were to be woken are.
    private async Task<bool> TryWalkAsync(IJournal journal, Func<ListedStream, bool> which, CancellationToken cancellationToken)
    {
        var all = true;
        try
        {
            // Names are in the order of their bytes: what begins with the namespace is one run.
            var page = await journal.ListAsync(First, Page);
            while (page.Length > 0 && page[0].Stream.StartsWith(First, StringComparison.Ordinal))
            {
                var wanted = page.Where(stream => stream.Stream.StartsWith(First, StringComparison.Ordinal) && relay.Ownership?.Owns(stream.Stream) != false && which(stream));
                await Parallel.ForEachAsync(
                    wanted,
                    new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
                    async (stream, cancel) =>
                    {
                        if (!await relay.WakeSessionAsync(stream.Stream, cancel))
                        {
                            Volatile.Write(ref all, false);
                        }
                    });
                page = await journal.ListAsync(page[^1].Stream, Page);
            }
        }
        catch (Exception error) when (error is JournalException or AskTimeoutException)
        {
            LogWalkFailed(error.Message);
            return false;
        }

        return all;
    }

    [LoggerMessage(LogLevel.Warning, "Stored chat sessions cannot be read now, it is tried again: {Reason}")]
    private partial void LogWalkFailed(string reason);
}
