using System.Buffers.Binary;
using System.Text;
using Relay.Actors.Connections;
using Relay.Testing;

namespace Relay.Bridges.Tests.Support;

/// <summary>A client without a socket: takes every byte at once and reads the text frames in them. Probes of the harness are left out.</summary>
internal sealed class TestClient : ITransport
{
    public const string Probe = "harness.probe";

    private readonly Lock _gate = new();
    private readonly List<string> _messages = [];
    private readonly TaskCompletionSource _probed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[] _unread = [];

    /// <summary>Everything received so far.</summary>
    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (_gate)
                return [.. _messages];
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
                return _messages.Count;
        }
    }

    /// <summary>Ends when the client has seen a probe: what is published from now on reaches it.</summary>
    public Task Probed => _probed.Task;

    /// <summary>The first <paramref name="count"/> messages, once they are there.</summary>
    public async Task<IReadOnlyList<string>> TakeAsync(int count)
    {
        await Eventually.Until(() => Count >= count, TimeSpan.FromSeconds(90), what: $"{count} messages");
        return Messages;
    }

    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
            Read(bytes);
        return bytes.Length;
    }

    public ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        lock (_gate)
        {
            foreach (var segment in segments)
                Read(segment);
        }

        return ValueTask.FromResult(true);
    }

    public void Finish(TimeSpan linger)
    {
        // There is no socket to end.
    }

    public void Abort()
    {
        // There is no socket to end.
    }

    private void Read(ReadOnlySpan<byte> bytes)
    {
        byte[] all = [.. _unread, .. bytes];
        var rest = all.AsSpan();
        while (TryFrame(ref rest, out var opcode, out var payload))
        {
            if (opcode == 1)
                Add(Encoding.UTF8.GetString(payload));
        }

        _unread = rest.ToArray();
    }

    private void Add(string text)
    {
        if (text.Contains(Probe, StringComparison.Ordinal))
            _probed.TrySetResult();
        else
            _messages.Add(text);
    }

    /// <summary>An unmasked frame: RFC 6455, 5.2.</summary>
    private static bool TryFrame(ref Span<byte> input, out int opcode, out Span<byte> payload)
    {
        opcode = 0;
        payload = default;
        if (input.Length < 2)
            return false;
        var (head, length) = (2, (long)(input[1] & 0x7F));
        if (length == 126 && input.Length >= 4)
            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(input[2..]));
        else if (length == 127 && input.Length >= 10)
            (head, length) = (10, BinaryPrimitives.ReadInt64BigEndian(input[2..]));
        else if (length >= 126)
            return false;
        if (input.Length < head + length)
            return false;
        opcode = input[0] & 0x0F;
        payload = input.Slice(head, (int)length);
        input = input[(head + (int)length)..];
        return true;
    }
}
