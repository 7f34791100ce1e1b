using System.Buffers;
using System.IO.Pipelines;

namespace Relay.Node.EventStreams;

/// <summary>Why a stream of lines ended.</summary>
internal enum LinesEnd
{
    /// <summary>It has not.</summary>
    None,

    /// <summary>The body ended.</summary>
    Complete,

    /// <summary>A line is longer than allowed.</summary>
    TooLong,

    /// <summary>A line was not completed in time.</summary>
    TooSlow,

    /// <summary>The node is leaving, or the client has gone.</summary>
    Stopped,
}

/// <summary>
/// Cuts a request's body into lines. Reads on only when it is asked for more, so whoever asks no more is waited for by TCP. One reader; <see cref="Stop"/> from any
/// thread.
/// </summary>
internal sealed class PublishLines : IAsyncDisposable
{
    private readonly PipeReader _body;
    private readonly PublishStreamLimits _limits;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly ITimer _deadline;
    private ReadOnlySequence<byte> _rest;
    private long _incompleteSince;
    private bool _hasRead;
    private bool _ended;
    private bool _released;
    private volatile bool _stopped;

    public PublishLines(PipeReader body, PublishStreamLimits limits, TimeProvider time)
    {
        _body = body;
        _limits = limits;
        _time = time;
        _deadline = time.CreateTimer(static state => ((PublishLines)state!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Set once <see cref="TryRead"/> and <see cref="ReadMoreAsync"/> have nothing more.</summary>
    public LinesEnd End { get; private set; }

    /// <summary>Lines begun so far, the one that ended the stream included.</summary>
    public int Number { get; private set; }

    /// <summary>The next line that has been received, without its end; valid until <see cref="ReadMoreAsync"/>.</summary>
    public bool TryRead(out ReadOnlySequence<byte> line)
    {
        line = default;
        if (End != LinesEnd.None)
        {
            return false;
        }

        if (_rest.PositionOf((byte)'\n') is { } end)
        {
            line = _rest.Slice(0, end);
            _rest = _rest.Slice(_rest.GetPosition(1, end));
        }
        else if (_ended && !_rest.IsEmpty)
        {
            line = _rest;
            _rest = _rest.Slice(_rest.End);
        }
        else
        {
            if (_rest.Length > _limits.LineBytes)
            {
                Number++;
                End = LinesEnd.TooLong;
            }
            else if (_ended)
            {
                End = LinesEnd.Complete;
            }

            return false;
        }

        Number++;
        _incompleteSince = 0;
        if (line.Length > _limits.LineBytes)
        {
            End = LinesEnd.TooLong;
            return false;
        }

        return true;
    }

    /// <summary>Receives more; returns when there is something to look at, or the end.</summary>
    public async ValueTask ReadMoreAsync()
    {
        if (_hasRead)
        {
            _body.AdvanceTo(_rest.Start, _rest.End);
            _hasRead = false;
        }

        if (_rest.IsEmpty)
        {
            _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        else if (_incompleteSince == 0)
        {
            _incompleteSince = _time.GetTimestamp();
            _deadline.Change(_limits.LineDeadline, Timeout.InfiniteTimeSpan);
        }

        while (!_stopped)
        {
            ReadResult read;
            try
            {
                read = await _body.ReadAsync();
            }
            catch (Exception error) when (error is IOException or OperationCanceledException)
            {
                // The client has gone, or what it sent is no HTTP.
                _ended = true;
                break;
            }

            _hasRead = true;
            _rest = read.Buffer;
            _ended = read.IsCompleted;
            if (!read.IsCanceled)
            {
                return;
            }

            if (_incompleteSince != 0 && _time.GetElapsedTime(_incompleteSince) is var waited && (waited >= _limits.LineDeadline || !Again(_limits.LineDeadline - waited)))
            {
                Number++;
                End = LinesEnd.TooSlow;
                return;
            }

            _body.AdvanceTo(_rest.Start, _rest.End);
            _hasRead = false;
        }

        End = LinesEnd.Stopped;
    }

    /// <summary>Ends the reading.</summary>
    public void Stop()
    {
        _stopped = true;
        Wake();
    }

    /// <summary>
    /// Receives and forgets what still comes, so that closing the connection sends no reset that could overtake the response (reliability.md, finding 8). False when
    /// the client goes on after <paramref name="limit"/>.
    /// </summary>
    public async Task<bool> DrainAsync(TimeSpan limit)
    {
        var started = _time.GetTimestamp();
        _deadline.Change(limit, Timeout.InfiniteTimeSpan);
        try
        {
            while (!_ended && _time.GetElapsedTime(started) < limit)
            {
                if (_hasRead)
                {
                    _body.AdvanceTo(_rest.End);
                }

                var read = await _body.ReadAsync();
                _hasRead = true;
                _rest = read.Buffer;
                _ended = read.IsCompleted;
            }

            return _ended;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            _hasRead = false;
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _deadline.DisposeAsync();
        lock (_gate)
        {
            _released = true;
        }

        if (_hasRead)
        {
            _body.AdvanceTo(_rest.End);
        }
    }

    private bool Again(TimeSpan due) => _deadline.Change(due + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);

    // The body belongs to the request: the server gives its reader to the next one.
    private void Wake()
    {
        lock (_gate)
        {
            if (!_released)
            {
                _body.CancelPendingRead();
            }
        }
    }
}
