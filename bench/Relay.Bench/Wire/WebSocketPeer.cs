using Relay.Bench.Load;
using Relay.Bench.Measure;
using Relay.Protocol.WebSockets;

namespace Relay.Bench.Wire;

/// <summary>
/// One WebSocket of the generator: handshake, frames, pings and close are the same for subscribers and publishers; what a text frame means is theirs.
/// Driven by its link's read loop; one call at a time.
/// </summary>
internal abstract class WebSocketPeer : IByteReceiver, IAsyncDisposable
{
    private readonly TaskCompletionSource<string?> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly BenchServer _server;
    private readonly FrameReader _frames;
    private UpgradeExchange? _upgrade = new();
    private ServerLink? _link;
    private Task _reading = Task.CompletedTask;
    private uint _maskingKey;
    private bool _disposing;

    /// <param name="run">The run it belongs to.</param>
    /// <param name="name">For errors, e.g. <c>subscriber 7</c>.</param>
    /// <param name="server">Where it connects.</param>
    protected WebSocketPeer(RunState run, string name, BenchServer server)
    {
        _server = server;
        Run = run;
        Name = name;

        // The payload with its envelope, doubled for servers that escape it.
        _frames = new FrameReader(FrameLimits.ForMessagesOf((run.Options.PayloadBytes * 2) + (64 * 1024)), FrameRole.Client);
        _maskingKey = (uint)HashCode.Combine(run.Marker.Run, name);
    }

    /// <summary>True between readiness and end.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Ended after it had been ready.</summary>
    public bool WasLost { get; private set; }

    protected RunState Run { get; }

    protected string Name { get; }

    /// <summary>Connects and speaks until ready; null, or why it failed.</summary>
    /// <param name="path">Path and query.</param>
    /// <param name="source">Address to come from; null = any.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public async Task<string?> OpenAsync(string path, System.Net.IPAddress? source, CancellationToken cancellation)
    {
        try
        {
            _link = await ServerLink.ConnectAsync(_server.EndPoint, source, cancellation);
            _link.Out.Write(_upgrade!.Request(_server.Authority, path, Run.Plan.Subprotocol, Run.Options.Token));
            _link.Out.Flush();
            _reading = ReadAsync(_link);
            var failure = await _ready.Task.WaitAsync(cancellation);
            return failure is null ? null : Failed(failure);
        }
        catch (System.Net.Sockets.SocketException error)
        {
            return Failed(error.Message);
        }
        catch (OperationCanceledException)
        {
            return Failed("not ready in time (--connect-timeout)");
        }
    }

    /// <inheritdoc/>
    public string? OnBytes(ReadOnlySpan<byte> bytes)
    {
        var now = Run.Clock.Now;
        var lane = Run.Lane;
        if (Run.Phases.IsMeasured(now))
        {
            lane.Reads++;
            lane.Bytes += bytes.Length;
        }

        if (_upgrade is not null)
        {
            if (!_upgrade.TryComplete(bytes, out var head, out var refusal))
            {
                return null;
            }

            if (refusal is not null)
            {
                return refusal;
            }

            _upgrade = null;
            bytes = bytes[head..];
            OnUpgraded();
        }

        var reason = TakeFrames(bytes, now, lane);
        OnReadCompleted();
        return reason;
    }

    /// <summary>Ends the connection without a close frame: the run is over.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposing = true;
        _link?.Dispose();
        await _reading;
        _frames.Dispose();
    }

    /// <summary>The server has accepted the upgrade.</summary>
    protected abstract void OnUpgraded();

    /// <summary>Takes one text frame; null, or why the connection must end.</summary>
    protected abstract string? OnText(ReadOnlySpan<byte> frame, long now, Lane lane);

    /// <summary>Everything of one read was taken.</summary>
    protected virtual void OnReadCompleted()
    {
    }

    /// <summary>The connection has ended after it was ready.</summary>
    protected virtual void OnLost()
    {
    }

    /// <summary>From now on it counts as connected.</summary>
    protected void BecomeReady()
    {
        IsReady = true;
        _ready.TrySetResult(null);
    }

    /// <summary>Collects a masked frame; <see cref="FlushFrames"/> sends it.</summary>
    protected void CollectFrame(ReadOnlySpan<byte> payload, Opcode opcode = Opcode.Text) => _link!.Out.WriteFrame(opcode, payload, NextKey());

    /// <summary>Sends what was collected.</summary>
    protected void FlushFrames() => _link!.Out.Flush();

    /// <summary>True while the socket is full.</summary>
    protected bool IsBlocked => _link!.Out.IsFull;

    private async Task ReadAsync(ServerLink link)
    {
        var reason = await link.ReadAsync(this);
        link.Dispose();
        if (IsReady)
        {
            IsReady = false;
            if (!_disposing)
            {
                WasLost = true;
                Run.Fail($"{Name}: {reason}");
                OnLost();
            }
        }

        _ready.TrySetResult(reason);
    }

    private string? TakeFrames(ReadOnlySpan<byte> bytes, long now, Lane lane)
    {
        while (true)
        {
            switch (_frames.Read(bytes, out var consumed, out var message))
            {
                case FrameStatus.Message:
                    bytes = bytes[consumed..];
                    if (TakeMessage(message, now, lane) is { } reason)
                    {
                        return reason;
                    }

                    break;
                case FrameStatus.ProtocolError:
                    return $"the server broke the protocol: {_frames.Error.Reason}";
                default:
                    return null;
            }
        }
    }

    private string? TakeMessage(in WebSocketMessage message, long now, Lane lane)
    {
        switch (message.Kind)
        {
            case MessageKind.Text or MessageKind.Binary:
                return OnText(message.Span, now, lane);
            case MessageKind.Ping:
                CollectFrame(message.Span, Opcode.Pong);
                FlushFrames();
                return null;
            case MessageKind.Close:
                return $"closed by the server with {message.CloseCode} {message.Text}".TrimEnd();
            default:
                return null;
        }
    }

    private string Failed(string failure)
    {
        _link?.Dispose();
        var text = $"{Name}: {failure}";
        Run.Fail(text);
        return text;
    }

    // Servers see different keys from frame to frame, as from real clients; there is no cache on the way to poison, so they need not be secret.
    private uint NextKey() => _maskingKey = (_maskingKey * 1_664_525) + 1_013_904_223;
}
