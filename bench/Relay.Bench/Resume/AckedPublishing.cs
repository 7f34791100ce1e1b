using Relay.Bench.Load;

namespace Relay.Bench.Resume;

/// <summary>
/// Publishes over one connection, with at most <c>--window</c> publishes unanswered: whoever takes an answer publishes the next one. Used by one caller at a time.
/// </summary>
internal sealed class AckedPublishing(RunState run, StreamMap map)
{
    private readonly Lock _gate = new();
    private WebSocketPublisher? _publisher;
    private long _published;
    private long _until;

    /// <summary>Publishes sent so far; publish n goes to channel n mod C.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <summary>Publishes that are sent and not answered.</summary>
    public long Unanswered => Published - run.Progress().Answered;

    /// <summary>True when everything that was asked for is sent and answered.</summary>
    public bool IsDone => Published == _until && Unanswered == 0;

    /// <summary>Connections that could not be opened, or that ended before their time.</summary>
    public int Failed { get; private set; }

    /// <summary>Publishes <paramref name="perChannel"/> events on every channel; false when not every one was answered.</summary>
    /// <param name="perChannel">Events.</param>
    /// <param name="untilDone">Waits for <see cref="IsDone"/>, or gives up.</param>
    /// <param name="cancellation">Ends the attempt to connect.</param>
    public async Task<bool> PublishAsync(int perChannel, Func<Task<bool>> untilDone, CancellationToken cancellation)
    {
        await using var publisher = new WebSocketPublisher(run, 0);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(run.Options.ConnectTimeoutSeconds), run.Clock.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        if (await publisher.OpenAsync(either.Token) is not null)
        {
            Failed++;
            return false;
        }

        _publisher = publisher;
        _until += (long)perChannel * map.Channels;
        run.RoomMade = Fill;
        Fill();
        var done = await untilDone();
        Failed += publisher.WasLost ? 1 : 0;
        run.RoomMade = static () => { };
        lock (_gate)
        {
            // Whoever was publishing has ended.
            _publisher = null;
        }

        return done;
    }

    private void Fill()
    {
        lock (_gate)
        {
            if (_publisher is null)
            {
                return;
            }

            for (var room = run.Options.Window - Unanswered; room > 0 && _published < _until && _publisher.CanPublish; room--)
            {
                _publisher.Publish(map.ChannelOf(_published), _published, run.Clock.Now);
                Volatile.Write(ref _published, _published + 1);
            }

            _publisher.Flush();
        }
    }
}
