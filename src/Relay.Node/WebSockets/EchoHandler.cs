using System.Runtime.InteropServices;
using Relay.Actors.Connections;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>
/// <c>/echo</c>: sends every message back, through the same receive loop and transports as the relay, for conformance suites outside
/// (reliability.md, finding 1). It reads on only when everything is sent, so a client that does not read is held by TCP. It runs no
/// keep-alive; the endpoint is closed unless <c>Relay:Testing:Echo</c> is set.
/// <para>Sends happen in <see cref="OnReadCompletedAsync"/> on the read loop, except for the deadline's: the gate keeps the two apart.</para>
/// </summary>
internal sealed class EchoHandler : IMessageHandler, IDisposable
{
    private static readonly TimeSpan NormalLinger = TimeSpan.FromSeconds(1);

    private readonly ITransport _transport;
    private readonly WebSocketServerOptions _options;
    private readonly bool _deflate;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private List<ArraySegment<byte>>? _answers;
    private ITimer? _deadline;
    private TimeSpan? _linger;
    private bool _sending;
    private bool _completed;

    /// <param name="transport">The client.</param>
    /// <param name="options">Deadline and lingering.</param>
    /// <param name="deflate">Whether messages go back compressed.</param>
    /// <param name="time">Clock of the deadline.</param>
    public EchoHandler(ITransport transport, WebSocketServerOptions options, bool deflate, TimeProvider time)
    {
        _transport = transport;
        _options = options;
        _deflate = deflate;
        _time = time;
    }

    /// <inheritdoc/>
    public void OnMessage(ReadOnlySpan<byte> message, bool binary)
    {
        _completed = true;
        var opcode = binary ? Opcode.Binary : Opcode.Text;
        var worthwhile = _deflate && message.Length >= Deflater.WorthwhileBytes;
        Answer(worthwhile ? FrameWriter.Frame(opcode, Deflater.Compress(message), rsv1: true) : FrameWriter.Frame(opcode, message));
    }

    /// <inheritdoc/>
    public void OnPing(ReadOnlySpan<byte> payload) => Answer(FrameWriter.Frame(Opcode.Pong, payload));

    /// <inheritdoc/>
    public void OnCloseReceived(int code, string reason)
    {
        Answer(FrameWriter.CloseFrame(code, reason));
        _linger = NormalLinger;
    }

    /// <inheritdoc/>
    public void OnProtocolError(int code, string reason)
    {
        Answer(FrameWriter.CloseFrame(code, reason));
        _linger = _options.RefusalLinger;
    }

    /// <inheritdoc/>
    public async ValueTask OnReadCompletedAsync(bool messageIncomplete)
    {
        WatchDeadline(messageIncomplete);
        if (_answers is { } answers)
        {
            _answers = null;
            if (!TrySend(answers))
            {
                var sent = await _transport.SendAsync(answers);
                lock (_gate)
                {
                    _sending = false;
                }

                if (!sent)
                {
                    _transport.Abort();
                }
            }
        }

        if (_linger is { } linger)
        {
            _transport.Finish(linger);
        }
    }

    /// <inheritdoc/>
    public void OnDisconnected(Exception? error) => Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _deadline?.Dispose();
            _deadline = null;
        }
    }

    private void Answer(byte[] frame) => (_answers ??= []).Add(frame);

    /// <summary>Sends without waiting; false leaves in <paramref name="answers"/> what has to wait and marks the transport as busy.</summary>
    private bool TrySend(List<ArraySegment<byte>> answers)
    {
        lock (_gate)
        {
            var done = 0;
            foreach (ref var answer in CollectionsMarshal.AsSpan(answers))
            {
                var sent = Math.Max(0, _transport.TrySend(answer));
                answer = answer[sent..];
                if (answer.Count > 0)
                {
                    break;
                }

                done++;
            }

            answers.RemoveRange(0, done);
            _sending = answers.Count > 0;
            return !_sending;
        }
    }

    private void WatchDeadline(bool messageIncomplete)
    {
        lock (_gate)
        {
            // A fast sender's reads nearly always end inside a message, but each time inside another one.
            if (!messageIncomplete || _completed)
            {
                _deadline?.Dispose();
                _deadline = null;
            }

            _completed = false;
            if (messageIncomplete)
            {
                _deadline ??= _time.CreateTimer(
                    static state => ((EchoHandler)state!).OnDeadline(), this, _options.EchoMessageDeadline, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void OnDeadline()
    {
        lock (_gate)
        {
            if (_deadline is null)
            {
                return;
            }

            if (!_sending)
            {
                _ = _transport.TrySend(FrameWriter.CloseFrame(CloseCode.MessageTimeout, "message not finished in time"));
                _transport.Finish(_options.RefusalLinger);
                return;
            }
        }

        _transport.Abort();
    }
}
