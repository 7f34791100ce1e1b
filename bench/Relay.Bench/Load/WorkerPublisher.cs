using System.Net;
using System.Net.Sockets;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>
/// A worker of the updates dialect: publishes over a plain connection on which requests are answered in their order. What the requests and answers look
/// like is the subclass's.
/// </summary>
internal abstract class WorkerPublisher(RunState run, int index, IPEndPoint server) : IPublisher, IByteReceiver
{
    private readonly List<byte> _rest = [];
    private ServerLink? _link;
    private Task _reading = Task.CompletedTask;
    private int _unanswered;
    private bool _disposing;
    private bool _ended;

    /// <inheritdoc/>
    public virtual bool CanPublish => !_ended && _link is { Out.IsFull: false };

    /// <inheritdoc/>
    public bool WasLost => _ended && !_disposing;

    /// <summary>Requests without an answer.</summary>
    protected int Unanswered => Volatile.Read(ref _unanswered);

    protected RunState Run { get; } = run;

    protected string Name { get; } = $"publisher {index}";

    /// <inheritdoc/>
    public async Task<string?> OpenAsync(CancellationToken cancellation)
    {
        try
        {
            _link = await ServerLink.ConnectAsync(server, null, cancellation);
            _reading = ReadAsync(_link);
            return null;
        }
        catch (SocketException error)
        {
            return Failed(error.Message);
        }
        catch (OperationCanceledException)
        {
            return Failed("not connected in time (--connect-timeout)");
        }
    }

    /// <inheritdoc/>
    public void Publish(int channel, long number, long intended)
    {
        Interlocked.Increment(ref _unanswered);
        Write(_link!.Out, channel, number, intended);
    }

    /// <inheritdoc/>
    public void Flush() => _link!.Out.Flush();

    /// <inheritdoc/>
    public string? OnBytes(ReadOnlySpan<byte> bytes)
    {
        _rest.AddRange(bytes);
        var text = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_rest);
        var taken = 0;
        while (TryTakeAnswer(text[taken..], out var length, out var refusal))
        {
            taken += length;
            Interlocked.Decrement(ref _unanswered);
            if (refusal is null)
            {
                Run.Lane.Accepted++;
            }
            else
            {
                Run.Lane.Refused++;
                Run.Fail($"{Name}: {refusal}");
            }
        }

        _rest.RemoveRange(0, taken);
        Run.RoomMade();
        return null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _disposing = true;
        _link?.Dispose();
        await _reading;
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes one request.</summary>
    protected abstract void Write(SendQueue output, int channel, long number, long intended);

    /// <summary>Finds one whole answer at the front of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What was received and not yet taken.</param>
    /// <param name="length">Bytes of the answer.</param>
    /// <param name="refusal">Why the publish was refused; null when it was accepted.</param>
    protected abstract bool TryTakeAnswer(ReadOnlySpan<byte> bytes, out int length, out string? refusal);

    private async Task ReadAsync(ServerLink link)
    {
        var reason = await link.ReadAsync(this);
        _ended = true;
        if (!_disposing)
        {
            Run.Fail($"{Name}: {reason}");
        }
    }

    private string Failed(string failure)
    {
        var text = $"{Name}: {failure}";
        Run.Fail(text);
        return text;
    }
}
