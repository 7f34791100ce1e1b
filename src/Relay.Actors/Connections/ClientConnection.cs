using System.Threading.Tasks.Sources;
using Relay.Actors.Explain;
using Relay.Actors.Fanout;
using Relay.Actors.Limits;
using Relay.Actors.Metrics;
using Relay.Kernel;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Connections;

/// <summary>
/// One client as everyone else sees it: the read loop brings its bytes here, replicas and actors send through it. Thread-safe where it says so; its
/// decisions are taken by its <see cref="ConnectionActor"/>.
/// </summary>
public sealed class ClientConnection : IMessageHandler, IOutboundOwner, IValueTaskSource
{
    /// <summary>Time for the peer to answer a close frame before the socket is dropped (reliability.md, finding 8).</summary>
    private static readonly TimeSpan CloseLinger = TimeSpan.FromMilliseconds(250);

    /// <summary>Pings one client may send in a burst, and per second in the long run; a peer that needs more is not keeping alive but attacking.</summary>
    private const int PingBurst = 1000;
    private const int PingsPerSecond = 50;

    /// <summary>A read of this size, bytes, left more behind: the client sends faster than it is read.</summary>
    public const int FullRead = 16 * 1024;

    [ThreadStatic]
    private static FrameBuffer? t_frames;

    /// <summary>Who keeps the reader waiting: the actor, until it has handed on what was read; the pace, until the client may send more.</summary>
    private const int ForActor = 1;
    private const int ForPace = 2;

    /// <summary>A client that is read late is not taken for dead, and not read much later than it deserves.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;

    // Its continuation runs inside ResumeReading, see IMessageHandler.OnReadCompletedAsync.
    private ManualResetValueTaskSourceCore<bool> _reader;
    private List<ClientCommand>? _commands;
    private IActorRef _actor = ActorRefs.Nobody;
    private long _lastReceived;
    private long _incompleteSince;
    private long _pingWindow;
    private int _pings;
    private int _messages;
    private bool _messageCompleted;
    private string? _agentId;
    private Principal _principal;
    private string _clientId;
    private long _session;
    private TokenBucket _frameBucket;
    private TokenBucket _byteBucket;
    private TimeSpan _pause;
    private ITimer? _pace;
    private long _pacedAt;
    private long _behindSince;
    private bool _lastReadWasFull;
    private int _readerWaits;
    private int _ended;

    internal ClientConnection(long id, string clientId, ConnectionRequest request, WireEncoding encoding, ITransport transport, TimeProvider time, int maxUnsentBytes)
    {
        Id = id;
        _session = id;
        _clientId = clientId;
        Request = request;
        _principal = request.Principal;
        Encoding = encoding;
        _time = time;
        Outbound = new Outbound(transport, this, maxUnsentBytes);
        _lastReceived = time.GetTimestamp();
    }

    /// <summary>Unique in this process.</summary>
    public long Id { get; }

    /// <summary>The id clients and operators see: <c>ws_…</c> Another one once it has taken up an earlier connection's session.</summary>
    public string ClientId => Volatile.Read(ref _clientId);

    /// <summary>Number of its session: its own <see cref="Id"/>, or that of the connection whose session it took up.</summary>
    internal long Session => Volatile.Read(ref _session);

    /// <summary>What the upgrade said.</summary>
    public ConnectionRequest Request { get; }

    /// <summary>What it may do, by the credentials it showed last. Written by its actor.</summary>
    internal Principal Principal
    {
        get => Volatile.Read(ref _principal);
        set => Volatile.Write(ref _principal, value);
    }

    /// <summary>How events become frames for it.</summary>
    public WireEncoding Encoding { get; }

    /// <summary>Its dialect.</summary>
    public IDialect Dialect => Encoding.Dialect;

    /// <summary>Its family.</summary>
    public DialectKind Kind => Encoding.Dialect.Profile.Kind;

    /// <summary>The way out. Thread-safe.</summary>
    public Outbound Outbound { get; }

    /// <summary>Its actor.</summary>
    public IActorRef Actor => Volatile.Read(ref _actor);

    /// <summary>Who it is, null when anonymous: user, then authenticated subject, then agent.</summary>
    public string? Subject =>
        Request.UserId ?? (Request.Principal.Subject.Length > 0 ? Request.Principal.Subject : Volatile.Read(ref _agentId) ?? Request.AgentId);

    /// <summary>The agent it authenticated as; null = none.</summary>
    internal string? Agent => Volatile.Read(ref _agentId);

    /// <summary>What is counted of it and its like.</summary>
    internal ClientTraffic Traffic => Encoding.Traffic;

    private bool IsStream => Dialect.Profile.IsStream;

    /// <summary>How long nothing at all had been received at <paramref name="timestamp"/>. Thread-safe.</summary>
    public TimeSpan SilentFor(long timestamp) => _time.GetElapsedTime(Volatile.Read(ref _lastReceived), timestamp);

    /// <summary>How long the current message had been incomplete at <paramref name="timestamp"/>; zero when none was. Thread-safe.</summary>
    public TimeSpan IncompleteFor(long timestamp) =>
        Volatile.Read(ref _incompleteSince) is var since and not 0 ? _time.GetElapsedTime(since, timestamp) : TimeSpan.Zero;

    /// <summary>When it was accepted, microseconds since 1970-01-01 UTC; also what connections of different nodes have in common.</summary>
    internal long OpenedMicros { get; init; }

    /// <summary>Where it is noted what becomes of events for it.</summary>
    internal DeliveryLog Deliveries { get; init; } = DeliveryLog.Off;

    /// <summary>How fast it may be read; null = as fast as it sends.</summary>
    internal NodeLimits? Limits { get; init; }

    /// <summary>The close code it ended with; 1006 while there is none.</summary>
    internal int EndCode { get; private set; } = CloseCode.Abnormal;

    /// <summary>For people; empty when nothing was said.</summary>
    internal string EndReason { get; private set; } = "";

    internal bool EndedByClient { get; private set; }

    /// <summary>Seconds the connection has been closing, counted by the keep-alive wheel, its only writer.</summary>
    internal int ClosingTicks { get; set; }

    /// <summary>The <see cref="Security.Revocations.Version"/> it was looked at with last, and the token it was told the end of; of the same writer.</summary>
    internal int SeenRevocations { get; set; }

    internal Principal? WarnedOf { get; set; }

    /// <summary>Seconds in which it took nothing of what it has to catch up with, counted by the same.</summary>
    internal int StuckTicks { get; set; }

    /// <summary>Sends one message in the client's own words; nothing when the dialect has none. Thread-safe.</summary>
    public void Send(ServerMessage message)
    {
        var frames = t_frames ??= new FrameBuffer();
        frames.Reset();
        if (Append(message, frames) && Outbound.SendCopy(frames.WrittenSpan))
        {
            Traffic.Sent(1, frames.Length);
        }
    }

    /// <summary>Sends several messages with one system call. Thread-safe.</summary>
    public void Send(ReadOnlySpan<ServerMessage> messages)
    {
        var frames = t_frames ??= new FrameBuffer();
        frames.Reset();
        var count = 0;
        foreach (var message in messages)
        {
            count += Append(message, frames) ? 1 : 0;
        }

        if (count > 0 && Outbound.SendCopy(frames.WrittenSpan))
        {
            Traffic.Sent(count, frames.Length);
        }
    }

    /// <summary>Sends a WebSocket ping, in an event stream a comment. Thread-safe.</summary>
    public void Ping() => Outbound.SendCopy(IsStream ? ":\n\n"u8 : [0x89, 0x00]);

    /// <summary>Sends a close frame behind everything queued and ends the connection; an event stream just ends. Thread-safe.</summary>
    public void Close(int code, string reason)
    {
        if (IsStream ? Outbound.Close(default, TimeSpan.Zero) : Outbound.Close(FrameWriter.CloseFrame(code, reason), CloseLinger))
        {
            (EndCode, EndReason) = (code, reason);
            Traffic.Closed(code, byClient: false);
        }
    }

    /// <inheritdoc/>
    public void OnMessage(ReadOnlySpan<byte> message, bool binary)
    {
        _messageCompleted = true;
        _messages++;
        if (!Dialect.Profile.IgnoresClient && Dialect.Decode(message, binary) is { } command)
        {
            (_commands ??= []).Add(command);
        }
    }

    /// <inheritdoc/>
    public void OnPing(ReadOnlySpan<byte> payload)
    {
        if (!AdmitPing())
        {
            OnProtocolError(CloseCode.PolicyViolation, "Too many pings");
            return;
        }

        Span<byte> pong = stackalloc byte[2 + FrameWriter.MaxControlPayload];
        var header = FrameWriter.WriteHeader(pong, Opcode.Pong, payload.Length);
        payload.CopyTo(pong[header..]);
        Outbound.SendCopy(pong[..(header + payload.Length)]);
    }

    /// <inheritdoc/>
    public void OnRead(int bytes)
    {
        Traffic.Received(_messages, bytes);
        if (Limits is { } limits && limits.Current is { BoundsReading: true } bounds)
        {
            _pause = Pace(limits, bounds, bytes);
        }

        _lastReadWasFull = bytes >= FullRead;

        _messages = 0;
    }

    /// <inheritdoc/>
    public ValueTask OnReadCompletedAsync(bool messageIncomplete)
    {
        var now = _time.GetTimestamp();
        Volatile.Write(ref _lastReceived, now);
        CheckBacklog(now);
        if (!messageIncomplete)
        {
            Volatile.Write(ref _incompleteSince, 0);
        }
        else if (_incompleteSince == 0 || _messageCompleted)
        {
            // Of a fast sender nearly every read ends inside a message: the deadline is for one message, not for the stream.
            Volatile.Write(ref _incompleteSince, now);
        }

        _messageCompleted = false;

        var pause = _pause;
        if (_commands is not { } commands)
        {
            if (pause == TimeSpan.Zero)
            {
                return ValueTask.CompletedTask;
            }

            commands = [];
        }

        _commands = null;
        _reader.Reset();
        Interlocked.Exchange(ref _readerWaits, (commands.Count > 0 ? ForActor : 0) | (pause > TimeSpan.Zero ? ForPace : 0));
        if (pause > TimeSpan.Zero)
        {
            _pause = TimeSpan.Zero;
            Volatile.Write(ref _pacedAt, now);
            _pace ??= _time.CreateTimer(static state => ((ClientConnection)state!).ReadOn(ForPace), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _pace.Change(pause, Timeout.InfiniteTimeSpan);
        }

        if (commands.Count > 0)
        {
            Actor.Tell(new ClientCommands(commands));
        }

        if (Volatile.Read(ref _ended) != 0)
        {
            // The actor ended without seeing this read (it failed, or was stopped): the loop goes on and finds its socket closed.
            ReadOn(ForActor | ForPace);
        }

        return new ValueTask(this, _reader.Version);
    }

    /// <inheritdoc/>
    public void OnCloseReceived(int code, string reason)
    {
        // RFC 6455 §5.5.1: answer with the code that came; a close without one is answered without one.
        ReadOnlySpan<byte> empty = [0x88, 0x00];
        if (Outbound.Close(code == CloseCode.NoStatus ? empty : FrameWriter.CloseFrame(code), CloseLinger))
        {
            (EndCode, EndReason, EndedByClient) = (code, reason, true);
            Traffic.Closed(code, byClient: true);
        }
    }

    /// <inheritdoc/>
    public void OnProtocolError(int code, string reason) => Close(code, reason);

    /// <inheritdoc/>
    public void OnDisconnected(Exception? error)
    {
        Request.Lease?.Dispose();
        Actor.Tell(new Disconnected(error));
    }

    byte[] IOutboundOwner.OnOverflow()
    {
        Traffic.Add(ClientCounter.Overflows);
        (EndCode, EndReason) = (CloseCode.TryAgainLater, "Slow consumer");
        Limits?.Reached(Limit.UnsentBytes, LimitOutcome.Closed, Name);
        return IsStream
            ? Encode(new ReconnectMessage { TimestampMicros = _time.NowMicros(), AfterMilliseconds = 0, Reason = "Slow consumer: reconnect and resume" })
            : FrameWriter.CloseFrame(
                CloseCode.TryAgainLater,
                Dialect.Profile.IsNative
                    ? "Slow consumer: reconnect, then resume with the session's token or subscribe with since"
                    : "Slow consumer: reconnect");
    }

    void IOutboundOwner.OnLeftOut(long conflated, long dropped) => Traffic.LeftOut(conflated, dropped);

    void IOutboundOwner.OnWrittenLate(long fromMicros, long untilMicros)
    {
        if (Deliveries.IsOn)
        {
            Deliveries.WrittenLate(Id, fromMicros, untilMicros, _time.NowMicros());
        }
    }

    long IQueueWords.NowMicros => Deliveries.IsOn ? _time.NowMicros() : 0;

    void IQueueWords.OnLeftOut(Publication publication, bool isConflated)
    {
        if (Deliveries.IsOn && !publication.IsTransient)
        {
            var (epoch, offset) = publication.Position;
            Deliveries.Happened(isConflated ? Happening.Conflated : Happening.Dropped, Id, publication.Channel, epoch, offset, offset, _time.NowMicros());
        }
    }

    bool IOutboundOwner.TakesWhatWaits => IsStream;

    byte[] IQueueWords.EncodeGap(string channel, Epoch epoch, long from, long to) =>
        Encode(new GapMessage { TimestampMicros = _time.NowMicros(), Channel = channel, Epoch = epoch, From = from, To = to });

    void IValueTaskSource.GetResult(short token) => _reader.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _reader.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _reader.OnCompleted(continuation, state, token, flags);

    internal void Start(IActorRef actor) => Volatile.Write(ref _actor, actor);

    /// <summary>The client authenticated as an agent after it had connected.</summary>
    internal void Identify(string agentId) => Volatile.Write(ref _agentId, agentId);

    /// <summary>It took up an earlier connection's session, and is known by that one's id.</summary>
    internal void Adopt(long session, string clientId)
    {
        Volatile.Write(ref _session, session);
        Volatile.Write(ref _clientId, clientId);
    }

    /// <summary>The actor is gone: from now on nothing may wait for it.</summary>
    internal void End()
    {
        Interlocked.Exchange(ref _ended, 1);
        Request.Lease?.Dispose();
        ReadOn(ForActor | ForPace);
        _pace?.Dispose();
    }

    /// <summary>True while it sends faster than it is read.</summary>
    internal bool IsBehind => Volatile.Read(ref _behindSince) != 0;

    /// <summary>It was not read on purpose: its silence says nothing.</summary>
    internal void Excuse()
    {
        var now = _time.GetTimestamp();
        Volatile.Write(ref _lastReceived, now);
        Volatile.Write(ref _pacedAt, now);
    }

    /// <summary>True when it was read late within the last minute, so that its pings may be late as well.</summary>
    internal bool IsPaced => Volatile.Read(ref _pacedAt) is var at and not 0 && _time.GetElapsedTime(at) < TimeSpan.FromMinutes(1);

    /// <summary>Lets the read loop go on; does nothing when it does not wait.</summary>
    internal void ResumeReading() => ReadOn(ForActor);

    // For logs.
    private string Name => Subject is { } subject ? $"{Dialect.Profile.Name} {subject} at {Request.RemoteAddress}" : $"{Dialect.Profile.Name} at {Request.RemoteAddress}";

    private void ReadOn(int reason)
    {
        var before = Interlocked.And(ref _readerWaits, ~reason);
        if (before != 0 && (before & ~reason) == 0)
        {
            _reader.SetResult(true);
        }
    }

    private void CheckBacklog(long now)
    {
        if (!_lastReadWasFull)
        {
            Volatile.Write(ref _behindSince, 0);
        }
        else if (_behindSince == 0)
        {
            Volatile.Write(ref _behindSince, now);
        }
        else
        {
            Limits?.Behind(_time.GetElapsedTime(_behindSince, now));
        }
    }

    private TimeSpan Pace(NodeLimits limits, RelayLimits bounds, int bytes)
    {
        var now = limits.Now;
        var forFrames = _messages > 0 ? _frameBucket.Spend(bounds.Frames, now, _messages) : TimeSpan.Zero;
        var forBytes = _byteBucket.Spend(bounds.Bytes, now, bytes);
        var pause = forFrames > forBytes ? forFrames : forBytes;
        if (pause > TimeSpan.Zero)
        {
            limits.Reached(forFrames > forBytes ? Limit.Frames : Limit.Bytes, LimitOutcome.Slowed, Name);
        }

        return pause < LongestPause ? pause : LongestPause;
    }

    private byte[] Encode(ServerMessage message)
    {
        using var frames = new FrameBuffer(256);
        return Append(message, frames) ? frames.ToArray() : [];
    }

    private bool Append(ServerMessage message, FrameBuffer frames)
    {
        if (IsStream)
        {
            return Dialect.TryEncode(message, frames);
        }

        frames.BeginFrame(Dialect.Profile.IsBinary ? Opcode.Binary : Opcode.Text);
        if (Dialect.TryEncode(message, frames))
        {
            frames.EndFrame();
            return true;
        }

        frames.AbandonFrame();
        return false;
    }

    private bool AdmitPing()
    {
        var now = _time.GetTimestamp();
        if (_time.GetElapsedTime(_pingWindow, now) >= TimeSpan.FromSeconds(PingBurst / PingsPerSecond))
        {
            _pingWindow = now;
            _pings = 0;
        }

        return ++_pings <= PingBurst;
    }
}

/// <summary>To a connection's actor: what the client asked for in one read, in order.</summary>
public sealed record ClientCommands(List<ClientCommand> Commands);

/// <summary>To a connection's actor: the socket is gone.</summary>
public sealed record Disconnected(Exception? Error);
