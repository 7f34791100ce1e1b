using System.Threading.Channels;
using Relay.Actors.Connections;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Tests.Support;

/// <summary>Stands for the relay: records what is opened and what each client says.</summary>
internal sealed class RecordingFactory(Action<RecordingHandler>? onOpen) : IConnectionFactory
{
    private readonly Channel<RecordingHandler> _opened = Channel.CreateUnbounded<RecordingHandler>();

    public IMessageHandler Open(ConnectionRequest request, ITransport transport)
    {
        var handler = new RecordingHandler(request, transport);
        onOpen?.Invoke(handler);
        _opened.Writer.TryWrite(handler);
        return handler;
    }

    /// <summary>The next connection that was opened.</summary>
    public async Task<RecordingHandler> NextAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        return await _opened.Reader.ReadAsync(limit.Token);
    }
}

/// <summary>
/// Records a client's calls as lines: <c>text:…</c>, <c>binary:n</c>, <c>ping:…</c>, <c>close:code:reason</c>, <c>error:code</c>, <c>end</c> or
/// <c>end:ExceptionType</c>. Answers close frames and protocol errors as the relay does.
/// </summary>
internal sealed class RecordingHandler(ConnectionRequest request, ITransport transport) : IMessageHandler
{
    private readonly Channel<string> _calls = Channel.CreateUnbounded<string>();

    public ConnectionRequest Request { get; } = request;

    public ITransport Transport { get; } = transport;

    /// <summary>False: close frames and errors are recorded and never answered.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>Completed by tests that hold the read loop back.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>What the last read reported.</summary>
    public bool MessageIncomplete { get; private set; }

    /// <summary>Thrown at the next message.</summary>
    public Exception? Fault { get; set; }

    public void OnMessage(ReadOnlySpan<byte> message, bool binary)
    {
        if (Fault is { } fault)
        {
            throw fault;
        }

        Record(binary ? $"binary:{message.Length}" : $"text:{System.Text.Encoding.UTF8.GetString(message)}");
    }

    public void OnPing(ReadOnlySpan<byte> payload) => Record($"ping:{System.Text.Encoding.UTF8.GetString(payload)}");

    public async ValueTask OnReadCompletedAsync(bool messageIncomplete)
    {
        MessageIncomplete = messageIncomplete;
        if (messageIncomplete)
        {
            Record("incomplete");
        }

        if (Hold is { } hold)
        {
            await hold.Task;
        }
    }

    public void OnCloseReceived(int code, string reason)
    {
        Record($"close:{code}:{reason}");
        Finish(FrameWriter.CloseFrame(code), TimeSpan.FromSeconds(1));
    }

    public void OnProtocolError(int code, string reason)
    {
        Record($"error:{code}");
        Finish(FrameWriter.CloseFrame(code, reason), TimeSpan.FromMilliseconds(250));
    }

    public void OnDisconnected(Exception? error)
    {
        Request.Lease?.Dispose();
        Record(error is null ? "end" : $"end:{error.GetType().Name}");
    }

    /// <summary>The next recorded call.</summary>
    public async Task<string> NextAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        return await _calls.Reader.ReadAsync(limit.Token);
    }

    /// <summary>All calls up to the end of the connection.</summary>
    public async Task<List<string>> AllAsync()
    {
        var calls = new List<string>();
        do
        {
            calls.Add(await NextAsync());
        }
        while (!calls[^1].StartsWith("end", StringComparison.Ordinal));
        return calls;
    }

    private void Finish(byte[] frame, TimeSpan linger)
    {
        if (Answers)
        {
            Transport.TrySend(frame);
            Transport.Finish(linger);
        }
    }

    private void Record(string call) => _calls.Writer.TryWrite(call);
}
