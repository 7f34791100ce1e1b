using System.Buffers;
using System.IO.Pipelines;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.EventStreams;

/// <summary>
/// Writes an event stream as the body of an HTTP response. A flush that does not complete at once is the full socket of this transport, as in
/// <see cref="PipeTransport"/>.
/// <para>
/// The body belongs to the request: the server gives its objects to the next one. So nothing may touch it after the request's end, while whoever sends runs on
/// other threads and learns of the end later; the two exclude each other here. Thread-safe.
/// </para>
/// </summary>
internal sealed class EventStreamTransport : ClientTransport
{
    /// <summary>Bytes taken in one call: what may wait here beyond the connection's own bound.</summary>
    private const int MaxTaken = 64 * 1024;

    private readonly HttpContext _context;
    private readonly PipeWriter _output;
    private readonly SseCursor? _cursor;
    private readonly TimeSpan _sendTimeout;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _finishing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<bool>? _flush;
    private bool _released;

    /// <param name="context">The request.</param>
    /// <param name="cursor">Rewrites the ids; null = they go out as they are.</param>
    /// <param name="sendTimeout">A flush must end within this time.</param>
    /// <param name="time">Clock of the deadline.</param>
    public EventStreamTransport(HttpContext context, SseCursor? cursor, TimeSpan sendTimeout, TimeProvider time)
        : base(time)
    {
        _context = context;
        _output = context.Response.BodyWriter;
        _cursor = cursor;
        _sendTimeout = sendTimeout;
    }

    /// <inheritdoc/>
    public override bool WaitsForFin => false;

    /// <summary>Completes when nothing more is to be sent, or the client has gone.</summary>
    public Task WhenFinishing => _finishing.Task;

    /// <summary>The head of the response was sent: from now on the body is written. What comes before waits as if the socket were full.</summary>
    public void Open() => _open.TrySetResult(true);

    /// <inheritdoc/>
    public override int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (!_open.Task.IsCompleted)
        {
            return 0;
        }

        if (_flush is { } flush)
        {
            if (!flush.IsCompleted)
            {
                return 0;
            }

            _flush = null;
            if (!flush.Result)
            {
                return -1;
            }
        }

        return Put(bytes);
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        if (!await _open.Task)
        {
            return false;
        }

        foreach (var segment in segments)
        {
            for (var rest = segment; rest.Count > 0;)
            {
                if (_flush is { } flush)
                {
                    _flush = null;
                    if (!await flush)
                    {
                        return false;
                    }
                }

                var taken = Put(rest);
                if (taken < 0)
                {
                    return false;
                }

                rest = rest[taken..];
            }
        }

        return _flush is not { } last || await last;
    }

    /// <summary>The client has gone.</summary>
    public void Leave() => _finishing.TrySetResult();

    /// <summary>
    /// Waits until what was taken is on its way, then lets go of the response: from now on nothing is sent. The last call before the request ends. False when the
    /// client did not take everything.
    /// </summary>
    public async Task<bool> ReleaseAsync()
    {
        Task<bool>? flush;
        lock (_gate)
        {
            flush = _flush;
        }

        var sent = flush is null || await flush;
        End();
        lock (_gate)
        {
            _released = true;
        }

        _open.TrySetResult(false);

        return sent;
    }

    /// <inheritdoc/>
    protected override void CloseWriting()
    {
        // The end of the request ends the response.
    }

    /// <inheritdoc/>
    protected override void Drop()
    {
        lock (_gate)
        {
            if (!_released)
            {
                _context.Abort();
            }
        }
    }

    /// <inheritdoc/>
    protected override void Wake() => _finishing.TrySetResult();

    /// <summary>Takes what fits into one call; with a cursor that is whole blocks. -1 when the response takes nothing any more.</summary>
    private int Put(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_released || IsFinishing)
            {
                return -1;
            }

            try
            {
                var taken = Math.Min(bytes.Length, MaxTaken);
                if (_cursor is null)
                {
                    _output.Write(bytes[..taken]);
                }
                else
                {
                    taken = _cursor.Write(bytes, MaxTaken, _output);
                }

                var flush = _output.FlushAsync();
                if (!flush.IsCompletedSuccessfully)
                {
                    _flush = FlushAsync(flush.AsTask());
                    return taken;
                }

                return flush.Result.IsCompleted ? -1 : taken;
            }
            catch (Exception error) when (IsEnd(error))
            {
                return -1;
            }
        }
    }

    private async Task<bool> FlushAsync(Task<FlushResult> flush)
    {
        try
        {
            return !(await flush.WaitAsync(_sendTimeout, Time)).IsCompleted;
        }
        catch (TimeoutException)
        {
            Abort();
            return false;
        }
        catch (Exception error) when (IsEnd(error))
        {
            return false;
        }
    }

    // Kestrel gives an empty buffer for the body of a request whose connection was cut meanwhile, which Write takes for a mistake of its caller. It must not reach the actor that is sending:
    // the rest of its subscribers would miss the batch.
    private static bool IsEnd(Exception error) =>
        error is IOException or OperationCanceledException or InvalidOperationException or ArgumentOutOfRangeException { ParamName: "writer" };
}
