using System.Buffers;
using System.IO.Pipelines;

namespace Relay.Node.WebSockets;

/// <summary>
/// Writes through a pipe writer: TLS, HTTP/2 streams, and HTTP/1.1 connections upgraded in the HTTP pipeline. A flush that does not complete at
/// once is the full socket of this transport: it is remembered, and until it is through nothing more is taken.
/// </summary>
internal sealed class PipeTransport : PipedTransport
{
    /// <summary>Bytes taken in one call: what may wait here beyond the connection's own bound.</summary>
    private const int MaxTaken = 64 * 1024;

    private readonly PipeWriter _output;
    private readonly Action _drop;
    private readonly TimeSpan _sendTimeout;
    private Task<bool>? _flush;

    /// <param name="input">The reading half.</param>
    /// <param name="output">The writing half.</param>
    /// <param name="drop">Drops the connection (or the stream of HTTP/2) at once.</param>
    /// <param name="sendTimeout">A flush must end within this time.</param>
    /// <param name="time">Clock of lingering and deadline.</param>
    public PipeTransport(PipeReader input, PipeWriter output, Action drop, TimeSpan sendTimeout, TimeProvider time)
        : base(input, time)
    {
        _output = output;
        _drop = drop;
        _sendTimeout = sendTimeout;
    }

    // TLS could send close_notify early, HTTP/2 could end its half of the stream, but some peers take either for the end of both.
    /// <inheritdoc/>
    public override bool WaitsForFin => false;

    /// <inheritdoc/>
    public override int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (IsFinishing)
        {
            return -1;
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

        var taken = Math.Min(bytes.Length, MaxTaken);
        try
        {
            _output.Write(bytes[..taken]);
        }
        catch (InvalidOperationException)
        {
            // The pipe was completed by the connection's end.
            return -1;
        }

        return BeginFlush() ? taken : -1;
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        if (_flush is { } flush)
        {
            _flush = null;
            if (!await flush)
            {
                return false;
            }
        }

        foreach (var segment in segments)
        {
            for (var rest = segment; rest.Count > 0; rest = rest[Math.Min(rest.Count, MaxTaken)..])
            {
                if (IsFinishing || !await WriteAsync(rest[..Math.Min(rest.Count, MaxTaken)]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void CloseWriting()
    {
        // See WaitsForFin.
    }

    /// <inheritdoc/>
    protected override void Drop() => _drop();

    private async ValueTask<bool> WriteAsync(ArraySegment<byte> bytes)
    {
        try
        {
            _output.Write(bytes);
        }
        catch (InvalidOperationException)
        {
            return false;
        }

        return await FlushAsync(_output.FlushAsync());
    }

    private bool BeginFlush()
    {
        var flush = FlushAsync(_output.FlushAsync());
        if (flush.IsCompletedSuccessfully)
        {
            return flush.Result;
        }

        _flush = flush.AsTask();
        return true;
    }

    private async ValueTask<bool> FlushAsync(ValueTask<FlushResult> flush)
    {
        try
        {
            var result = flush.IsCompletedSuccessfully ? flush.Result : await flush.AsTask().WaitAsync(_sendTimeout, Time);
            return !result.IsCompleted;
        }
        catch (TimeoutException)
        {
            Abort();
            return false;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return false;
        }
    }
}
