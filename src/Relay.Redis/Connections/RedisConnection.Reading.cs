using System.Buffers;
using System.IO.Pipelines;
using Relay.Redis.Resp;

namespace Relay.Redis.Connections;

/// <summary>The read loop and the watch: what ends a command.</summary>
internal sealed partial class RedisConnection
{
    // One read takes what some hundred pushes or answers need; a large reply gathers in several such blocks.
    private const int ReadBytes = 64 * 1024;

    private volatile bool _receiverBehind;

    private Task ReadAsync() =>
        _transport.Watchable is { } socket && _services.Sockets is { } watcher && TryReadWatched(watcher, socket, out var over) ? over : ReadLoopAsync();

    private async Task ReadLoopAsync()
    {
        var input = PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: ReadBytes, minimumReadSize: ReadBytes / 4, leaveOpen: true));
        try
        {
            var unread = 0L;
            while (true)
            {
                var result = await input.ReadAsync(_ending.Token);
                _keepAlive.Received();
                var rest = await TakeAllAsync(result.Buffer, result.Buffer.Length - unread);
                unread = rest.Length;
                input.AdvanceTo(rest.Start, rest.End);
                if (result.IsCompleted)
                    throw new RedisException(RedisErrorKind.Unavailable, $"{_endpoint} closed the connection");
            }
        }
        finally
        {
            await input.CompleteAsync();
        }
    }

    private async ValueTask<ReadOnlySequence<byte>> TakeAllAsync(ReadOnlySequence<byte> buffer, long received)
    {
        var pushes = 0;
        _services.Metrics.Received(_role, received);
        try
        {
            while (TakeFrames(ref buffer, ref pushes))
                await FlushAsync();
        }
        finally
        {
            // What came whole before garbage is delivered all the same.
            await FlushAsync();
            _services.Metrics.Pushed(_role, pushes);
        }

        return buffer;
    }

    /// <summary>True when it stopped because the sink must hand on first; there may be more then.</summary>
    private bool TakeFrames(ref ReadOnlySequence<byte> buffer, ref int pushes)
    {
        while (_replies.TryReadFrame(ref buffer, out var frame))
        {
            if (RespReader.FirstByte(frame) == (byte)'>')
                pushes += TakePush(frame);
            else
                Answer(_replies.Parse(frame));
            if (_sink is { MustFlush: true })
                return true;
        }

        return false;
    }

    /// <summary>A receiver that is behind holds up the reading, and with it the answer to PING: the silence is then this side's own.</summary>
    private async ValueTask FlushAsync()
    {
        if (_sink is null)
            return;
        var flush = _sink.FlushAsync();
        if (flush.IsCompletedSuccessfully)
            return;
        _receiverBehind = true;
        await flush;
        _keepAlive.Received();
        _receiverBehind = false;
    }

    private void Answer(in RedisValue value)
    {
        if (value.Kind == RespKind.Push)
            throw RedisException.Protocol("a push with attributes is not supported");
        var command = Dequeue();
        var error = value.IsError ? RedisException.FromServer(value.AsString()!) : null;
        if (command.Subscription is not null && error is null)
            throw Mismatch(command, $"a subscription was answered by {value}");
        if (error is null)
            command.Reply?.Answer(value);
        else
            AnswerError(command, error);
    }

    private void AnswerError(in InFlight command, RedisException error)
    {
        // The answer to a keep-alive that a user without the right to PING gets is a sign of life as well; nobody is told.
        if (!command.KeepAlive)
            _services.Metrics.Failed(_role, error);
        command.Reply?.Fail(error);
        if (RedisFaults.IsFromReplica(error))
            End(RedisFaults.Replica(_endpoint, _options));
    }

    private int TakePush(in ReadOnlySequence<byte> frame)
    {
        if (frame.IsSingleSegment)
            return TakePush(frame.FirstSpan);
        using var whole = ContiguousFrame.Of(frame);
        return TakePush(whole.Span);
    }

    private int TakePush(ReadOnlySpan<byte> frame)
    {
        var cursor = _replies.Cursor(frame);
        var elements = cursor.ReadPushHeader();
        var kind = cursor.ReadStringSpan();
        if (elements == 3 && kind.SequenceEqual("message"u8))
        {
            var channel = cursor.ReadStringSpan();
            _sink?.OnMessage(default, channel, cursor.ReadStringSpan());
            return 1;
        }

        if (elements == 4 && kind.SequenceEqual("pmessage"u8))
        {
            var pattern = cursor.ReadStringSpan();
            var channel = cursor.ReadStringSpan();
            _sink?.OnMessage(pattern, channel, cursor.ReadStringSpan());
            return 1;
        }

        if (kind.EndsWith("subscribe"u8))
            Confirm(RespText.Printable(kind), kind.EndsWith("unsubscribe"u8));
        // Other pushes (invalidate, monitor) belong to features that are never switched on here; a server that sends them does no harm.
        return 0;
    }

    private void Confirm(string kind, bool leaving)
    {
        var command = Dequeue();
        if (command.Subscription is null)
            throw Mismatch(command, $"the server answered a command by the push '{kind}'");
        if (!leaving)
            _sink?.OnConfirmed(command.Subscription);
        command.Reply?.Answer(RedisValue.Null);
    }

    /// <summary>The command has left the queue, so the end of the connection would no longer fail it.</summary>
    private static RedisException Mismatch(in InFlight command, string message)
    {
        command.Reply?.Fail(RedisException.Protocol(message));
        return RedisException.Protocol(message);
    }

    private InFlight Dequeue()
    {
        lock (_gate)
        {
            if (!_inFlight.TryDequeue(out var command))
                throw _fault ?? RedisException.Protocol("an answer came although nothing was asked");
            if (_inFlight.Count == 0)
                _blockedUntil = 0;
            return command;
        }
    }

    private async Task WatchLoopAsync()
    {
        using var timer = new PeriodicTimer(_watchPeriod, _services.Time);
        var expired = new List<PendingReply>();
        while (await timer.WaitForNextTickAsync(_ending.Token))
        {
            long blockedUntil;
            lock (_gate)
            {
                _inFlight.TakeExpired(_services.Time.GetTimestamp(), expired);
                blockedUntil = _blockedUntil;
            }

            TellExpired(expired);
            if (_receiverBehind)
                _keepAlive.Received();
            Watch(_keepAlive.Check(blockedUntil));
        }
    }

    private void TellExpired(List<PendingReply> expired)
    {
        foreach (var reply in expired)
        {
            var error = new RedisException(RedisErrorKind.Timeout,
                $"no answer from {_endpoint} within the time-out (Relay:Redis:CommandTimeout); whether the command was or will be executed is unknown");
            _services.Metrics.Failed(_role, error);
            reply.Fail(error);
        }

        expired.Clear();
    }

    private void Watch(KeepAliveVerdict verdict)
    {
        if (verdict == KeepAliveVerdict.Dead)
        {
            throw new RedisException(RedisErrorKind.Unavailable,
                $"{_endpoint} has been silent for {(_options.KeepAliveInterval + _options.KeepAliveTimeout).TotalSeconds:0.###} s and did not answer PING: the server hangs or the network lost the connection");
        }

        if (verdict == KeepAliveVerdict.Ask)
            SendKeepAlive();
    }

    /// <summary>Not subject to the queue's bound: a full queue is when the question matters most.</summary>
    private void SendKeepAlive()
    {
        bool wake;
        lock (_gate)
        {
            if (_fault is not null)
                return;
            _filling.Append("*1\r\n$4\r\nPING\r\n"u8);
            _inFlight.Enqueue(new InFlight(Reply: null, Subscription: null, long.MaxValue, Bytes: 0, KeepAlive: true));
            wake = TakeWake();
        }

        if (wake)
            _wake.Set();
    }
}
